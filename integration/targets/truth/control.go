package main

import "slowmap.test/groundtruth"

// A table of a Swiss map grows by blocks of at most this many entries (1024 slots, seven eighths full).
const tableEntries = 896

type slot struct {
	key   [4]uint64
	value item
}

// controlWorker runs the loop of fillMatrix without a map: the same allocations (outside the timed gap, where
// the collector's share would be the allocation's, not the machine's), the same first touch of fresh memory
// within it. What is slow here is the machine's own, and no tracer of map writes has to find it.
//
//go:noinline
func controlWorker(w *worker) {
	defer w.crew.group.Done()
	w.goid = groundtruth.GoroutineID()
	for !w.crew.stop.Load() {
		salt := w.next()
		tables := [][]slot{}
		w.bursts(w.size(), func(from, to int) { tables = touchTables(w, tables, salt, from, to) })
	}
}

//go:noinline
func touchTables(w *worker, tables [][]slot, salt uint64, from, to int) [][]slot {
	for i := from; i < to; i++ {
		if i%groundtruth.ThreadCheck == 0 {
			w.thread.Mark()
		}
		if i%tableEntries == 0 {
			tables = append(tables, make([]slot, tableEntries))
		}
		id := uint64(i)
		key, value := [4]uint64{id, id ^ salt, salt, 1}, item{id: id * 3}
		table := tables[len(tables)-1]
		watch := groundtruth.Start()
		table[i%tableEntries] = slot{key, value}
		lap := watch.Stop()
		w.laps.Add(lap)
		if lap.Nano < w.log.Threshold {
			continue
		}
		if took := lap.Exact(); took >= w.log.Threshold {
			w.log.Add(groundtruth.Write{
				Kind: "control", Goid: w.goid, StartNano: watch.BeginNano, DurationNano: took,
				ClockNano:  lap.Clock(),
				StolenNano: w.thread.Stolen(),
				Function:   "main.touchTables",
			})
		}
	}
	w.controlSteps += uint64(to - from)
	return tables
}
