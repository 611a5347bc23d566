package main

import (
	"sync"
	"sync/atomic"
	"time"

	"slowmap.test/groundtruth"
)

// filler fills one map after the other, and times each write.
type filler struct {
	stop     *atomic.Bool
	log      *groundtruth.Log
	goid     uint64
	writes   uint64
	mismatch bool
}

func (f *filler) work(o options, group *sync.WaitGroup) {
	defer group.Done()
	f.goid = groundtruth.GoroutineID()
	for !f.stop.Load() {
		orders := map[int]int{}
		fillOrders(f, orders, o.entries)
		f.mismatch = f.mismatch || len(orders) != o.entries
		time.Sleep(o.pause)
	}
}

//go:noinline
func fillOrders(f *filler, orders map[int]int, entries int) {
	for i := 0; i < entries; i++ {
		watch := groundtruth.Start()
		orders[i] = i
		lap := watch.Stop()
		f.writes++
		if lap.Nano < f.log.Threshold {
			continue
		}
		if took := lap.Exact(); took >= f.log.Threshold {
			f.log.Add(groundtruth.Write{
				Kind: "write", Goid: f.goid, StartNano: watch.BeginNano, DurationNano: took,
				ClockNano: lap.Clock(),
				Function:  "main.fillOrders", MapType: "map[int]int", MapLen: len(orders),
			})
		}
	}
}
