package main

import (
	"strconv"
	"time"
	"unsafe"
)

const (
	// deepest is how many calls a dive makes at most: some 200 KiB of stack.
	deepest = 400
	// largest is how many entries the map at the bottom gets at most.
	largest = 4_000
	// frame is how many words of each call are checked when it returns.
	frame = 32
)

// worker is what one goroutine owns.
type worker struct {
	random   uint64
	writes   uint64
	grown    uint64
	shrunk   uint64
	mismatch bool
}

// cycle lets the stack grow, writing to maps on all its levels, and waits until a collection may have let it shrink.
// That a stack was copied shows in where a variable on it is.
func (w *worker) cycle() {
	var anchor byte
	before := uintptr(unsafe.Pointer(&anchor))
	levels := map[int]uint64{}
	depth := 1 + int(w.next()%deepest)
	sum := w.dive(levels, depth)
	w.check(len(levels) == depth && total(levels) == sum)
	deep := uintptr(unsafe.Pointer(&anchor))
	w.grown += difference(before, deep)
	w.rest(&anchor)
}

// rest waits with next to nothing on the stack.
func (w *worker) rest(anchor *byte) {
	before := uintptr(unsafe.Pointer(anchor))
	time.Sleep(2 * pause)
	w.shrunk += difference(before, uintptr(unsafe.Pointer(anchor)))
}

// dive writes an entry before and after the call to the next level, so that the stack is copied in between.
//
//go:noinline
func (w *worker) dive(levels map[int]uint64, depth int) uint64 {
	var words [frame]uint64
	salt := w.next()
	for i := range words {
		words[i] = salt ^ uint64(i)
	}
	levels[depth] = salt
	w.writes++
	sum := salt
	if depth > 1 {
		sum += w.dive(levels, depth-1)
	} else {
		w.fill(int(w.next() % largest))
	}
	for i := range words {
		w.check(words[i] == salt^uint64(i))
	}
	levels[depth] = salt + 1
	w.writes++
	return sum + 1
}

// fill has a map grow at the bottom of the stack.
//
//go:noinline
func (w *worker) fill(size int) {
	entries, sum := map[string]int{}, 0
	for i := 0; i < size; i++ {
		entries["entry-"+strconv.Itoa(i)] = i
		sum += i
	}
	w.writes += uint64(size)
	for _, value := range entries {
		sum -= value
	}
	w.check(len(entries) == size && sum == 0)
}

func (w *worker) check(right bool) {
	w.mismatch = w.mismatch || !right
}

// next is xorshift64*.
func (w *worker) next() uint64 {
	w.random ^= w.random >> 12
	w.random ^= w.random << 25
	w.random ^= w.random >> 27
	return w.random * 0x2545F4914F6CDD1D
}

func total(levels map[int]uint64) (sum uint64) {
	for _, value := range levels {
		sum += value
	}
	return sum
}

func difference(before, after uintptr) uint64 {
	if before == after {
		return 0
	}
	return 1
}
