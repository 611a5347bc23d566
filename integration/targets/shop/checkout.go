package main

import (
	"context"
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
)

// Order lines that a checkout looks through.
const orderLines = 20_000

type order struct {
	id       int
	customer int
	cents    int64
}

// checkout prices a basket against the customer's earlier orders.
func (s *shop) checkout(w http.ResponseWriter, r *http.Request) {
	orders := s.loadOrders(r.Context())
	index := s.indexOrders(r.Context(), orders)
	total := s.price(r.Context(), index)
	fmt.Fprintf(w, "%d orders, total %d.%02d\n", len(index), total/100, total%100)
}

func (s *shop) loadOrders(ctx context.Context) []order {
	_, span := tracer.Start(ctx, "load orders")
	defer span.End()
	orders := make([]order, orderLines)
	for i := range orders {
		orders[i] = order{id: i, customer: i % 97, cents: int64(i%5000) + 199}
	}
	return orders
}

// indexOrders is the slow one: the map starts empty and grows as it is filled.
func (s *shop) indexOrders(ctx context.Context, orders []order) map[string]*order {
	_, span := tracer.Start(ctx, "index orders")
	defer span.End()
	index := map[string]*order{}
	for i := range orders {
		index[fmt.Sprintf("order-%08d", orders[i].id)] = &orders[i]
	}
	span.SetAttributes(attribute.Int("shop.orders", len(index)))
	return index
}

func (s *shop) price(ctx context.Context, index map[string]*order) (total int64) {
	_, span := tracer.Start(ctx, "price basket")
	defer span.End()
	for i := 0; i < orderLines; i += 500 {
		total += index[fmt.Sprintf("order-%08d", i)].cents
	}
	return total
}
