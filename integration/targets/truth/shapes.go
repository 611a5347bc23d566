package main

import (
	"strconv"

	"slowmap.test/groundtruth"
)

// The functions below differ in their map's type only. The write stands in the function itself, between
// two readings of the clock: a call around it would be timed too, and would stand in the stack.

//go:noinline
func orderWorker(w *worker) {
	defer w.crew.group.Done()
	w.goid = groundtruth.GoroutineID()
	for !w.crew.stop.Load() {
		orders, salt, sum := map[int]int{}, int(w.next()>>1), uint64(0)
		n := w.bursts(w.size(), func(from, to int) { sum += fillOrders(w, orders, salt, from, to) })
		var found uint64
		for key, value := range orders {
			found += uint64(key) ^ uint64(value)
		}
		w.check(len(orders), n, found, sum)
	}
}

//go:noinline
func fillOrders(w *worker, orders map[int]int, salt, from, to int) (sum uint64) {
	for i := from; i < to; i++ {
		if i%groundtruth.ThreadCheck == 0 {
			w.thread.Mark()
		}
		key, value := i^salt, i
		watch := groundtruth.Start()
		orders[key] = value
		lap := watch.Stop()
		if lap.Nano >= w.log.Threshold {
			w.slow(watch, lap, "main.fillOrders", "map[int]int", len(orders))
		}
		w.laps.Add(lap)
		sum += uint64(key) ^ uint64(value)
	}
	w.writes += uint64(to - from)
	return sum
}

type item struct {
	id    uint64
	stock [3]uint64
}

//go:noinline
func catalogWorker(w *worker) {
	defer w.crew.group.Done()
	w.goid = groundtruth.GoroutineID()
	for !w.crew.stop.Load() {
		catalog, salt, sum := map[string]*item{}, w.next(), uint64(0)
		n := w.bursts(w.size(), func(from, to int) { sum += fillCatalog(w, catalog, salt, from, to) })
		var found uint64
		for key, value := range catalog {
			found += uint64(len(key)) ^ value.id
		}
		w.check(len(catalog), n, found, sum)
	}
}

//go:noinline
func fillCatalog(w *worker, catalog map[string]*item, salt uint64, from, to int) (sum uint64) {
	for i := from; i < to; i++ {
		if i%groundtruth.ThreadCheck == 0 {
			w.thread.Mark()
		}
		id := uint64(i) ^ salt
		key, value := "item-"+strconv.FormatUint(id, 10), &item{id: id}
		watch := groundtruth.Start()
		catalog[key] = value
		lap := watch.Stop()
		if lap.Nano >= w.log.Threshold {
			w.slow(watch, lap, "main.fillCatalog", "map[string]*main.item", len(catalog))
		}
		w.laps.Add(lap)
		sum += uint64(len(key)) ^ id
	}
	w.writes += uint64(to - from)
	return sum
}

//go:noinline
func matrixWorker(w *worker) {
	defer w.crew.group.Done()
	w.goid = groundtruth.GoroutineID()
	for !w.crew.stop.Load() {
		matrix, salt, sum := map[[4]uint64]item{}, w.next(), uint64(0)
		n := w.bursts(w.size(), func(from, to int) { sum += fillMatrix(w, matrix, salt, from, to) })
		var found uint64
		for key, value := range matrix {
			found += key[0] ^ value.id
		}
		w.check(len(matrix), n, found, sum)
	}
}

//go:noinline
func fillMatrix(w *worker, matrix map[[4]uint64]item, salt uint64, from, to int) (sum uint64) {
	for i := from; i < to; i++ {
		if i%groundtruth.ThreadCheck == 0 {
			w.thread.Mark()
		}
		id := uint64(i)
		key, value := [4]uint64{id, id ^ salt, salt, 1}, item{id: id * 3}
		watch := groundtruth.Start()
		matrix[key] = value
		lap := watch.Stop()
		if lap.Nano >= w.log.Threshold {
			w.slow(watch, lap, "main.fillMatrix", "map[[4]uint64]main.item", len(matrix))
		}
		w.laps.Add(lap)
		sum += key[0] ^ value.id
	}
	w.writes += uint64(to - from)
	return sum
}

// giantWorker fills one map whose entries the collector has to follow, as sessions or caches have: beside it the
// collector is at work most of the time, and writes pay for it.
//
//go:noinline
func giantWorker(w *worker) {
	defer w.crew.group.Done()
	w.goid = groundtruth.GoroutineID()
	sessions, salt, sum := map[string]*item{}, w.next(), uint64(0)
	n := w.bursts(w.crew.options.entries, func(from, to int) {
		sum += fillCatalog(w, sessions, salt, from, to)
	})
	var found uint64
	for key, value := range sessions {
		found += uint64(len(key)) ^ value.id
	}
	w.check(len(sessions), n, found, sum)
}

// slow logs a write, unless it was the clock that took the time. What the machine took is told apart.
func (w *worker) slow(watch groundtruth.Stopwatch, lap groundtruth.Lap, function, mapType string, length int) {
	took := lap.Exact()
	if took < w.log.Threshold {
		w.clockGaps++
		return
	}
	kind, stolen := "write", w.thread.Stolen()
	if took-stolen < w.log.Threshold {
		kind = "machine"
	}
	w.log.Add(groundtruth.Write{
		Kind: kind, Goid: w.goid, StartNano: watch.BeginNano, DurationNano: took, ClockNano: lap.Clock(),
		StolenNano: stolen,
		Function:   function, MapType: mapType, MapLen: length,
	})
}
