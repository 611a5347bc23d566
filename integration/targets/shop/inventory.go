package main

import (
	"context"
	"fmt"
	"net/http"
)

const (
	// Items that one request reserves.
	basketItems = 400
	// Reservations after which the shop starts with an empty map again.
	maxReserved = 2_000_000
)

type stockKey struct {
	warehouse uint64
	item      uint64
}

type reservation struct {
	serial   uint64
	quantity int
	address  [8]uint64
}

// inventory reserves a basket. All requests share one map under one lock, so that they wait for its growth.
func (s *shop) inventory(w http.ResponseWriter, r *http.Request) {
	reserved := s.reserve(r.Context())
	fmt.Fprintf(w, "%d items reserved\n", reserved)
}

func (s *shop) reserve(ctx context.Context) int {
	_, span := tracer.Start(ctx, "reserve stock")
	defer span.End()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.reserved) >= maxReserved {
		s.reserved = map[stockKey]reservation{}
	}
	for i := 0; i < basketItems; i++ {
		s.serial++
		key := stockKey{warehouse: s.serial % 7, item: s.serial}
		s.reserved[key] = reservation{serial: s.serial, quantity: 1 + i%3}
	}
	return basketItems
}
