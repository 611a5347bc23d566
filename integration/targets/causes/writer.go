package main

import (
	"sync"
	"time"

	"slowmap.test/groundtruth"
)

const logRoom = 1 << 16

// work is what is written while something makes it slow.
type work struct {
	writers int
	// Entries of each map; they are filled from empty one after the other.
	entries int
	// Entries that the map has room for at first.
	room int
	// Between two maps; nil: nothing.
	between func()
	// What makes writes slow, until it is told to stop; nil: nothing more.
	meanwhile func(stop <-chan struct{})
}

// writer is one goroutine.
type writer struct {
	log      *groundtruth.Log
	goid     uint64
	writes   uint64
	mismatch bool
}

// run writes until the deadline.
func (w work) run(deadline time.Time, threshold int64) []*writer {
	stop := make(chan struct{})
	var writing, more sync.WaitGroup
	if w.meanwhile != nil {
		more.Add(1)
		go func() { defer more.Done(); w.meanwhile(stop) }()
	}
	var writers []*writer
	for i := 0; i < w.writers; i++ {
		one := &writer{log: groundtruth.NewLog(threshold, logRoom)}
		writers = append(writers, one)
		writing.Add(1)
		go func() { defer writing.Done(); one.write(w, deadline) }()
	}
	writing.Wait()
	close(stop)
	more.Wait()
	return writers
}

func (w *writer) write(work work, deadline time.Time) {
	w.goid = groundtruth.GoroutineID()
	for time.Now().Before(deadline) {
		orders := make(map[int]int, work.room)
		for from := 0; from < work.entries && time.Now().Before(deadline); from += burst {
			w.fill(orders, from, from+burst)
		}
		for key, value := range orders {
			w.mismatch = w.mismatch || key != value
		}
		if work.between != nil {
			work.between()
		}
	}
}

// Writes between two looks at the clock.
const burst = 4096

//go:noinline
func (w *writer) fill(orders map[int]int, from, to int) {
	for i := from; i < to; i++ {
		watch := groundtruth.Start()
		orders[i] = i
		lap := watch.Stop()
		if lap.Nano < w.log.Threshold {
			continue
		}
		if took := lap.Exact(); took >= w.log.Threshold {
			w.log.Add(groundtruth.Write{
				Kind: "write", Goid: w.goid, StartNano: watch.BeginNano, DurationNano: took,
				ClockNano: lap.Clock(), Function: "main.(*writer).fill", MapType: "map[int]int", MapLen: len(orders),
			})
		}
	}
	w.writes += uint64(to - from)
}
