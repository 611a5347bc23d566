package main

import "time"

const entries = 50_000

var sink int

// regrown builds an index from a list again and again, from an empty map, though it knows how many there will be.
func regrown(deadline time.Time, repaired bool) {
	for time.Now().Before(deadline) {
		var index map[int]int
		if repaired {
			index = make(map[int]int, entries)
		} else {
			index = map[int]int{}
		}
		fill(index)
		sink += len(index)
		time.Sleep(5 * time.Millisecond)
	}
}

//go:noinline
func fill(index map[int]int) {
	for i := range entries {
		index[i*7919] = i
	}
}
