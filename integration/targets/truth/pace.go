package main

import (
	"sync/atomic"
	"time"

	"slowmap.test/groundtruth"
)

// A burst is as many writes as a worker does between two looks at the clock and the stop flag. A service
// fills a map as fast as it can and then waits for the next request: pauses come between bursts.
const burst = 4096

// pace spreads the writes of all workers over time; the zero value does not hold anyone back.
type pace struct {
	// Monotonic nanoseconds at which the next burst may begin.
	next atomic.Int64
	// Nanoseconds that a write may take; 0: as fast as possible.
	perWrite int64
}

func (p *pace) start(o options) {
	if o.mode == "service" && o.rate > 0 {
		p.perWrite = int64(time.Second) / int64(o.rate)
	}
	p.next.Store(groundtruth.Nanotime())
}

// take waits until that many writes are due.
func (p *pace) take(writes int) {
	if p.perWrite == 0 {
		return
	}
	cost := int64(writes) * p.perWrite
	due := p.next.Add(cost) - cost
	if wait := due - groundtruth.Nanotime(); wait > 0 {
		time.Sleep(time.Duration(wait))
	}
}
