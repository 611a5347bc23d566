package main

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// From so many orders on, a growth takes a while.
	some = 50_000
	// More than there is time for before the growths that come until then.
	enough = 400_000
	// No write takes as long in which the map does not grow.
	long = 20 * time.Microsecond
)

// ledger is a map whose writers are to hold a lock.
type ledger struct {
	lock   sync.Mutex
	orders map[int]order
}

// unsynchronised fills a ledger under its lock, and corrects it without: while it grows, which takes so long that sooner or
// later somebody would come by then.
func unsynchronised(deadline time.Time, repaired bool) {
	debug.SetGCPercent(-1) // What is looked at is growth, and nothing else.
	shared := ledger{orders: map[int]order{}}
	start := time.Now()
	var number, began atomic.Int64
	go func() {
		for time.Now().Before(deadline) {
			since := time.Duration(began.Load())
			if number.Load() > some && since != 0 && time.Since(start)-since > long {
				correct(&shared, -1, repaired)
			}
		}
	}()
	for i := 0; i < enough && time.Now().Before(deadline); i++ {
		began.Store(int64(time.Since(start)))
		shared.add(i)
		began.Store(0)
		number.Add(1)
	}
	time.Sleep(time.Until(deadline))
	sink += len(shared.orders)
}

//go:noinline
func (l *ledger) add(number int) {
	l.lock.Lock()
	l.orders[number] = order{}
	l.lock.Unlock()
}

//go:noinline
func correct(l *ledger, number int, locked bool) {
	if locked {
		l.lock.Lock()
		defer l.lock.Unlock()
	}
	l.orders[number] = order{}
}
