package main

import (
	"sync"
	"sync/atomic"
	"time"

	"slowmap.test/groundtruth"
)

// How many round trips a pair makes between two looks at the stop flag.
const tripsPerLook = 64

// rally is the pairs of goroutines that do nothing but wake each other.
type rally struct {
	stop  *atomic.Bool
	trips atomic.Uint64
}

func (r *rally) start(pairs int, group *sync.WaitGroup) {
	for i := 0; i < pairs; i++ {
		to, fro := make(chan int), make(chan int)
		group.Add(1)
		go func() {
			defer group.Done()
			r.ping(to, fro)
		}()
		go func() {
			for value := range to {
				fro <- value
			}
		}()
	}
}

func (r *rally) ping(to, fro chan int) {
	defer close(to)
	for !r.stop.Load() {
		for i := 0; i < tripsPerLook; i++ {
			to <- i
			<-fro
		}
		r.trips.Add(tripsPerLook)
	}
}

// rate is the round trips up to a moment on CLOCK_MONOTONIC, since the one before.
type rate struct {
	Nano  int64  `json:"nano"`
	Trips uint64 `json:"trips"`
}

func (r *rally) watch() []rate {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	var rates []rate
	before := r.trips.Load()
	for !r.stop.Load() {
		<-ticker.C
		now := r.trips.Load()
		rates = append(rates, rate{groundtruth.Nanotime(), now - before})
		before = now
	}
	return rates
}
