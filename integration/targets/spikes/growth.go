package main

import (
	"strings"
	"time"
)

// entries is what a table with 128 slots takes before it grows, seven eighths of them.
const entries = 112

// shelf has maps that grow at their next entry. A growth hashes all keys again: so that it takes long without taking much
// memory, the keys are long strings that share their bytes and differ by their length.
type shelf struct {
	bytes string
	full  []map[string]int
}

// newShelf makes so many maps, each of which takes about so long to grow.
func newShelf(maps int, long time.Duration) *shelf {
	s := &shelf{bytes: strings.Repeat("slowmap ", 1<<17)}
	// Twice, because what does not fit into a cache takes longer.
	for range 2 {
		begin := time.Now()
		s.fill()
		length := float64(len(s.bytes)) * float64(long) / float64(time.Since(begin))
		s.bytes = strings.Repeat("slowmap ", int(length)/8+1)
	}
	for range maps {
		s.full = append(s.full, s.fill())
	}
	return s
}

// fill makes a map with its size given, so that it does not grow yet.
func (s *shelf) fill() map[string]int {
	m := make(map[string]int, entries)
	for i := range entries {
		m[s.key(i)] = i
	}
	return m
}

func (s *shelf) key(i int) string {
	return s.bytes[:len(s.bytes)-i]
}

func (s *shelf) take() map[string]int {
	m := s.full[0]
	s.full = s.full[1:]
	return m
}

//go:noinline
func grow(m map[string]int, key string) {
	m[key] = len(m)
}
