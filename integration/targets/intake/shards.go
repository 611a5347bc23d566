package main

import (
	"encoding/binary"
	"sync"
	"time"
)

// shards are seen with many maps: each has a lock of its own and the size that it will need, and is emptied rather than made
// anew.
type shards struct {
	limit int
	all   [256]shard
}

type shard struct {
	mutex sync.Mutex
	times map[id]int64
	_     [48]byte
}

func newShards(entries int) *shards {
	s := &shards{limit: entries / 256}
	for i := range s.all {
		s.all[i].times = make(map[id]int64, s.limit)
	}
	return s
}

func (s *shards) add(ids []id) int {
	now, fresh := time.Now().UnixNano(), 0
	for _, id := range ids {
		fresh += s.all[binary.LittleEndian.Uint64(id[:])>>56].add(id, now, s.limit)
	}
	return fresh
}

func (s *shard) add(id id, now int64, limit int) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.times) >= limit {
		clear(s.times)
	}
	_, known := s.times[id]
	s.times[id] = now
	if known {
		return 0
	}
	return 1
}
