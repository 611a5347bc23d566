// Command cycles writes to maps from deep and from shallow stacks, which Go copies as they grow and shrink, beside a
// garbage collector that hardly rests: what a probe would break that keeps an address in a stack, or puts one there.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"slowmap.test/groundtruth"
)

const (
	goroutines = 4
	// pause is how long the collector rests.
	pause = 5 * time.Millisecond
)

type outcome struct {
	Writes      uint64 `json:"writes"`
	Grown       uint64 `json:"grown"`
	Shrunk      uint64 `json:"shrunk"`
	Collections uint32 `json:"collections"`
	ChecksumOK  bool   `json:"checksum_ok"`
}

func main() {
	var gate groundtruth.Gate
	var stop atomic.Bool
	var group sync.WaitGroup
	workers := make([]*worker, goroutines)
	for i := range workers {
		workers[i] = &worker{random: uint64(i+1) * 0x9E3779B97F4A7C15}
		group.Add(1)
		go func(w *worker) {
			defer group.Done()
			for !stop.Load() {
				w.cycle()
			}
		}(workers[i])
	}
	go func() {
		for !stop.Load() {
			runtime.GC()
			time.Sleep(pause)
		}
	}()
	gate.Listen()
	gate.Done(0, nil)
	stop.Store(true)
	group.Wait()
	finish(workers)
}

// finish prints what was done, and exits with 1 where a map or a stack did not hold what was put there.
func finish(workers []*worker) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	result := outcome{ChecksumOK: true, Collections: memory.NumGC}
	for _, w := range workers {
		result.Writes += w.writes
		result.Grown += w.grown
		result.Shrunk += w.shrunk
		result.ChecksumOK = result.ChecksumOK && !w.mismatch
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
	if !result.ChecksumOK {
		os.Exit(1)
	}
}
