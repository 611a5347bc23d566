package main

import (
	"runtime"
	"sync"
	"time"
)

// busy writes to maps that were made with their size, on all CPUs: what is wrong with it is around it, such as a CPU limit.
func busy(deadline time.Time, _ bool) {
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Add(1)
		go func() {
			defer group.Done()
			index := make(map[int]int, entries)
			for time.Now().Before(deadline) {
				fill(index)
			}
		}()
	}
	group.Wait()
}
