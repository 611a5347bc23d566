package main

import (
	"runtime/debug"
	"time"
)

// Many enough for a map to grow as a whole several times after it is large.
const many = 4_000_000

// largeMap fills one map, from empty, though it will be large.
func largeMap(deadline time.Time, repaired bool) {
	debug.SetGCPercent(-1) // What is looked at is growth, and nothing else.
	index := map[int]int{}
	if repaired {
		index = make(map[int]int, many)
	}
	for i := 0; i < many && time.Now().Before(deadline); i += 1_000 {
		add(index, i, 1_000)
	}
	sink += len(index)
}

//go:noinline
func add(index map[int]int, from, count int) {
	for i := from; i < from+count; i++ {
		index[i*7919] = i
	}
}

// order is as large as a value can be that the map itself holds.
type order struct {
	lines [16]uint64
}

// largeEntries keeps values in a map that grows for as long as the case works.
func largeEntries(deadline time.Time, repaired bool) {
	values, pointers := map[int]order{}, map[int]*order{}
	for i := 0; time.Now().Before(deadline); i += 1_000 {
		if repaired {
			keepPointers(pointers, i, 1_000)
		} else {
			keepValues(values, i, 1_000)
		}
		time.Sleep(2 * time.Millisecond)
	}
	sink += len(values) + len(pointers)
}

//go:noinline
func keepValues(orders map[int]order, from, count int) {
	for i := from; i < from+count; i++ {
		orders[i] = order{}
	}
}

//go:noinline
func keepPointers(orders map[int]*order, from, count int) {
	for i := from; i < from+count; i++ {
		orders[i] = &order{}
	}
}
