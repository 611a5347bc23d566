package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// id is an event's, as on the wire.
type id [16]byte

// memory remembers ids until it has to forget them.
type memory interface {
	// add returns how many of them are new.
	add(ids []id) int
}

// intake takes batches of ids, 16 bytes each.
type intake struct {
	memory
}

func newIntake(entries int, repaired bool) *intake {
	if repaired {
		return &intake{newShards(entries)}
	}
	return &intake{newSeen(entries)}
}

func (in *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ids := make([]id, len(body)/len(id{}))
	for i := range ids {
		copy(ids[i][:], body[i*len(id{}):])
	}
	fmt.Fprintln(w, in.add(ids))
}

// seen has all ids in one map, and begins with an empty one when there are too many.
type seen struct {
	limit int
	mutex sync.Mutex
	times map[id]int64
}

func newSeen(entries int) *seen {
	return &seen{limit: entries, times: make(map[id]int64)}
}

func (s *seen) add(ids []id) int {
	now, fresh := time.Now().UnixNano(), 0
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.times) >= s.limit {
		s.times = make(map[id]int64)
	}
	for _, id := range ids {
		if _, known := s.times[id]; !known {
			fresh++
		}
		s.times[id] = now
	}
	return fresh
}
