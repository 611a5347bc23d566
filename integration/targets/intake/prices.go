package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

type price struct {
	// In cents, by the number of pieces.
	steps [12]int64
	until time.Time
}

type priceList struct {
	products []string
	repaired bool
	mutex    sync.RWMutex
	prices   map[string]price
}

func newPriceList(products int, repaired bool) *priceList {
	list := &priceList{repaired: repaired}
	for i := range products {
		list.products = append(list.products, "product-"+strconv.Itoa(i))
	}
	list.update()
	return list
}

func (l *priceList) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mutex.RLock()
	defer l.mutex.RUnlock()
	found, known := l.prices[r.FormValue("product")]
	if !known {
		http.NotFound(w, r)
		return
	}
	fmt.Fprintln(w, found.steps[0])
}

// refresh gets a new list again and again.
func (l *priceList) refresh(ctx context.Context, every time.Duration) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			l.update()
		}
	}
}

func (l *priceList) update() {
	if l.repaired {
		l.swap()
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.prices = make(map[string]price)
	for number, product := range l.products {
		l.prices[product] = priceOf(number)
	}
}

// swap is update with the map made in its size, and before requests have to wait for it.
func (l *priceList) swap() {
	prices := make(map[string]price, len(l.products))
	for number, product := range l.products {
		prices[product] = priceOf(number)
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.prices = prices
}

func priceOf(number int) price {
	p := price{until: time.Now().Add(time.Hour)}
	for i := range p.steps {
		p.steps[i] = int64(number%10_000) * int64(100-i)
	}
	return p
}
