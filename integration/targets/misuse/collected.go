package main

import (
	"runtime/debug"
	"sync"
	"time"
)

type node struct{ next *node }

var kept *node

// gcAssist fills maps while the collector has much to mark, and does so again and again: GOGC lets the heap grow by a
// twentieth only until the next time, in which the writes have to help.
func gcAssist(deadline time.Time, repaired bool) {
	for range 4_000_000 {
		kept = &node{kept}
	}
	percent := 5
	if repaired {
		percent = 1_600
	}
	debug.SetGCPercent(percent)
	var group sync.WaitGroup
	for range 2 {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(deadline) {
				fill(map[int]int{})
			}
		}()
	}
	group.Wait()
}
