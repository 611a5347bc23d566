package main

import (
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// service answers requests that all need one lock, and counts how long they take.
type service struct {
	mutex     sync.Mutex
	file      *os.File
	durations prometheus.Histogram
}

func newService(file *os.File) *service {
	durations := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "request_duration_seconds",
		Help:    "How long requests took.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 1.25, 38),
	})
	prometheus.MustRegister(durations)
	return &service{file: file, durations: durations}
}

func (s *service) locked(work func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	work()
}

// serve has a request begin every 2 ms, whether the ones before it have ended or not.
func (s *service) serve() {
	for range time.Tick(2 * time.Millisecond) {
		go s.request(time.Now())
	}
}

func (s *service) request(begin time.Time) {
	s.locked(func() {})
	s.durations.Observe(time.Since(begin).Seconds())
}

// rebuild makes an index anew, from empty, every 50 ms: the map writes that are slow on every day.
func rebuild() {
	for range time.Tick(50 * time.Millisecond) {
		index := map[int]int{}
		for i := range 20_000 {
			index[i] = i
		}
	}
}
