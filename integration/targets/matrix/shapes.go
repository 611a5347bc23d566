package main

import "strconv"

// record is as large as an element may be before a map stores a pointer to it instead.
type record [16]uint64

// The shapes differ in the function of the runtime that writes. Each write stands in a function that is inlined, and on
// the line on which the log takes its own callers: the value is there before the map is written to.

func storeWide(w *worker, m map[uint64]record, key uint64, value record) {
	m[key] = w.begin(len(m), value)
}

//go:noinline
func fillWide(w *worker, size int) (int, uint64) {
	m, sum := map[uint64]record{}, uint64(0)
	for i := 0; i < size; i++ {
		storeWide(w, m, w.key(i), record{uint64(i)})
		w.end("map[uint64]main.record")
	}
	for _, value := range m {
		sum += value[0]
	}
	return len(m), sum
}

func storeNarrow(w *worker, m map[uint32]record, key uint32, value record) {
	m[key] = w.begin(len(m), value)
}

//go:noinline
func fillNarrow(w *worker, size int) (int, uint64) {
	m, sum := map[uint32]record{}, uint64(0)
	for i := 0; i < size; i++ {
		storeNarrow(w, m, uint32(i)^uint32(w.salt), record{uint64(i)})
		w.end("map[uint32]main.record")
	}
	for _, value := range m {
		sum += value[0]
	}
	return len(m), sum
}

func storeText(w *worker, m map[string]record, key string, value record) {
	m[key] = w.begin(len(m), value)
}

//go:noinline
func fillText(w *worker, size int) (int, uint64) {
	m, sum := map[string]record{}, uint64(0)
	for i := 0; i < size; i++ {
		storeText(w, m, strconv.FormatUint(w.key(i), 36), record{uint64(i)})
		w.end("map[string]main.record")
	}
	for _, value := range m {
		sum += value[0]
	}
	return len(m), sum
}

func storePointer(w *worker, m map[*uint64]record, key *uint64, value record) {
	m[key] = w.begin(len(m), value)
}

//go:noinline
func fillPointer(w *worker, size int) (int, uint64) {
	m, sum := map[*uint64]record{}, uint64(0)
	for i := 0; i < size; i++ {
		storePointer(w, m, new(uint64), record{uint64(i)})
		w.end("map[*uint64]main.record")
	}
	for _, value := range m {
		sum += value[0]
	}
	return len(m), sum
}

func storeStruct(w *worker, m map[[3]uint64]record, key [3]uint64, value record) {
	m[key] = w.begin(len(m), value)
}

//go:noinline
func fillStruct(w *worker, size int) (int, uint64) {
	m, sum := map[[3]uint64]record{}, uint64(0)
	for i := 0; i < size; i++ {
		storeStruct(w, m, [3]uint64{uint64(i), w.salt, 1}, record{uint64(i)})
		w.end("map[[3]uint64]main.record")
	}
	for _, value := range m {
		sum += value[0]
	}
	return len(m), sum
}
