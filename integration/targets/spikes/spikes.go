package main

import (
	"crypto/sha256"
	"encoding/json"
	"math/rand"
	"os"
	"time"
)

// planted is a line of the output: what made all requests wait, and when.
type planted struct {
	Kind          string `json:"kind"`
	StartUnixNano int64  `json:"start_unix_nano"`
	DurationNano  int64  `json:"duration_nano"`
}

// Each holds the lock, or has it held, for about so long.
type spike func(s *service, long time.Duration)

var others = []struct {
	kind string
	spike
}{
	{"sleep", func(s *service, long time.Duration) { s.locked(func() { time.Sleep(long) }) }},
	{"lock", func(s *service, long time.Duration) { s.locked(func() { compute(long) }) }},
	{"disk", func(s *service, long time.Duration) { s.locked(func() { s.write(long) }) }},
}

func growth(shelf *shelf) spike {
	return func(s *service, _ time.Duration) {
		m := shelf.take()
		s.locked(func() { grow(m, shelf.key(entries)) })
	}
}

// plant makes so many spikes of each sort, mixed, one in each period.
func plant(s *service, shelf *shelf, count int, period, long time.Duration, random *rand.Rand) {
	out := json.NewEncoder(os.Stdout)
	kinds := make([]bool, 2*count)
	for i := range count {
		kinds[i] = true
	}
	random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	begin := time.Now()
	for i, grows := range kinds {
		jitter := time.Duration(random.Int63n(int64(period) / 3))
		time.Sleep(time.Until(begin.Add(time.Duration(i)*period + jitter)))
		kind, spike := "growth", growth(shelf)
		if !grows {
			other := others[i%len(others)]
			kind, spike = other.kind, other.spike
		}
		start := time.Now()
		spike(s, long)
		out.Encode(planted{kind, start.UnixNano(), int64(time.Since(start))})
	}
	time.Sleep(period)
}

// compute is busy with something that has no map in it.
func compute(long time.Duration) {
	block := make([]byte, 1<<16)
	for begin := time.Now(); time.Since(begin) < long; {
		sum := sha256.Sum256(block)
		copy(block, sum[:])
	}
}

// write waits for the disk again and again.
func (s *service) write(long time.Duration) {
	block := make([]byte, 1<<16)
	for begin := time.Now(); time.Since(begin) < long; {
		s.file.WriteAt(block, 0)
		s.file.Sync()
	}
}
