package main

import (
	"net/http"
	"sync"

	"go.opentelemetry.io/otel"
)

var tracer = otel.Tracer("shop")

type shop struct {
	feed []byte

	mutex sync.Mutex
	// Never deleted from: it grows with every reservation, up to maxReserved.
	reserved map[stockKey]reservation
	serial   uint64
}

func newShop() *shop {
	return &shop{feed: supplierFeed(), reserved: map[stockKey]reservation{}}
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/checkout", s.checkout)
	mux.HandleFunc("/inventory", s.inventory)
	mux.HandleFunc("/import", s.importCatalog)
	return mux
}
