package main

import (
	"runtime"
	"time"
)

const (
	// threshold is the shortest write that is logged: several times what slowmap is told, for what it measures is
	// the slow part of a write.
	threshold = 40 * time.Microsecond
	// goal is how many such writes each worker provokes.
	goal = 20
	// patience ends a worker that comes to no slow write.
	patience = 20 * time.Second
)

// write is one slow map write.
type write struct {
	start, duration int64
	mapType         string
	callers         []uintptr
}

// worker is what one goroutine owns.
type worker struct {
	goid   uint64
	salt   uint64
	start  int64
	depth  int
	pcs    [32]uintptr
	writes []write
	count  uint64
	wrong  bool
}

// run fills maps of one shape, one after the other.
func (w *worker) run(fill func(*worker, int) (int, uint64), done chan<- *worker) {
	w.goid = goroutineID()
	size := growths[len(growths)-1] + 100
	deadline := nanotime() + patience.Nanoseconds()
	for len(w.writes) < goal && nanotime() < deadline {
		w.salt += 0x9E3779B97F4A7C15
		length, sum := fill(w, size)
		w.count += uint64(size)
		w.wrong = w.wrong || length != size || sum != uint64(size)*uint64(size-1)/2
	}
	done <- w
}

func (w *worker) key(i int) uint64 { return uint64(i) ^ w.salt }

// begin is called right before the write to a map of that length. Where the write will make it grow, it takes the
// callers, and last of all the time. What it returns is the value to write.
//
//go:noinline
func (w *worker) begin(length int, value record) record {
	w.start = 0
	for _, growth := range growths {
		if length == growth {
			w.depth = runtime.Callers(2, w.pcs[:])
			w.start = nanotime()
		}
	}
	return value
}

// end is called right after the write.
//
//go:noinline
func (w *worker) end(mapType string) {
	if w.start == 0 {
		return
	}
	took := nanotime() - w.start
	if took < threshold.Nanoseconds() || len(w.writes) == goal {
		return
	}
	callers := append([]uintptr(nil), w.pcs[:w.depth]...)
	w.writes = append(w.writes, write{w.start, took, mapType, callers})
}
