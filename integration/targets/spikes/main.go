// Command spikes is a service whose requests now and then all have to wait: half of the times for the growth of a map, half of
// the times for something else. Prometheus can scrape how long they take; each line of its output says what it was, and
// when.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"slowmap.test/groundtruth"
)

func main() {
	var gate groundtruth.Gate
	count := flag.Int("count", 10, "spikes by growth, and as many by something else")
	period := flag.Duration("period", 2*time.Second, "from spike to spike")
	long := flag.Duration("long", 120*time.Millisecond, "how long a spike takes")
	seed := flag.Int64("seed", 1, "of the order of spikes")
	flag.Parse()
	file, err := os.CreateTemp("", "spikes")
	if err != nil {
		fail(err)
	}
	os.Remove(file.Name())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	service, shelf := newService(file), newShelf(*count, *long)
	http.Handle("/metrics", promhttp.Handler())
	go http.Serve(listener, nil)
	go service.serve()
	go rebuild()
	gate.Listen(listener.Addr())
	if gate.Wait() {
		plant(service, shelf, *count, *period, *long, rand.New(rand.NewSource(*seed)))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "spikes:", err)
	os.Exit(1)
}
