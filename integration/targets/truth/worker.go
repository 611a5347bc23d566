package main

import "slowmap.test/groundtruth"

// Slow writes that a worker has room for: about what the torture mode makes in a minute.
const logRoom = 1 << 16

// worker is what one goroutine owns.
type worker struct {
	crew   *crew
	pace   *pace
	log    *groundtruth.Log
	thread groundtruth.Thread
	// Lengths of all writes, or of all of the control's gaps.
	laps         *groundtruth.Histogram
	goid         uint64
	random       uint64
	writes       uint64
	controlSteps uint64
	mapsChecked  uint64
	// Gaps that were the clock's, not the write's.
	clockGaps uint64
	mismatch  bool
	isControl bool
}

// launch starts the goroutines of the mode, each of which begins in a function of its own name.
func (c *crew) launch() {
	if c.options.mode == "giant" {
		go giantWorker(c.enlist(1))
		return
	}
	starts := []func(*worker){orderWorker, catalogWorker, matrixWorker}
	for i := 0; i < c.options.goroutines; i++ {
		go starts[i%len(starts)](c.enlist(uint64(i + 1)))
	}
	if !c.options.control {
		return
	}
	for i := 0; i < len(starts); i++ {
		w := c.enlist(uint64(1000 + i))
		w.pace, w.isControl = &c.controlPace, true
		go controlWorker(w)
	}
}

func (c *crew) enlist(seed uint64) *worker {
	w := &worker{
		crew:   c,
		pace:   &c.pace,
		log:    groundtruth.NewLog(c.options.threshold.Nanoseconds(), logRoom),
		laps:   new(groundtruth.Histogram),
		random: seed * 0x9E3779B97F4A7C15,
	}
	w.log.Stacks = c.options.stacks
	c.workers = append(c.workers, w)
	c.group.Add(1)
	return w
}

// next is xorshift64*: a stream of its own for each worker, the same in every run.
func (w *worker) next() uint64 {
	w.random ^= w.random >> 12
	w.random ^= w.random << 25
	w.random ^= w.random >> 27
	return w.random * 0x2545F4914F6CDD1D
}

// size is how many entries the next map gets: each power of two equally likely, so that most maps are small.
func (w *worker) size() int {
	low, high := w.crew.options.minEntries, w.crew.options.maxEntries
	doublings := 0
	for n := low; n < high; n *= 2 {
		doublings++
	}
	size := low << (w.next() % uint64(doublings+1))
	if size > high {
		return high
	}
	return size
}

// bursts calls fill with [from, to) until size or the end of the run, and returns how far it came.
func (w *worker) bursts(size int, fill func(from, to int)) int {
	done := 0
	for done < size && !w.crew.stop.Load() {
		to := done + burst
		if to > size {
			to = size
		}
		w.pace.take(to - done)
		fill(done, to)
		done = to
	}
	return done
}

// check compares what a map holds with what was put into it.
func (w *worker) check(length, wantLength int, sum, wantSum uint64) {
	w.mapsChecked++
	if length != wantLength || sum != wantSum {
		w.mismatch = true
	}
}
