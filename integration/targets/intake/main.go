// Command intake is a service that takes events in and passes each on once: it remembers the ids of those that it has
// seen. `-prices` makes it another: it answers prices, from a list that is fetched anew every few seconds. Both have the
// P99 of their requests spike; `-repaired` is each after what slowmap advises. It knows nothing of slowmap.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	prices := flag.Bool("prices", false, "answer prices, rather than take events in")
	entries := flag.Int("entries", 15_000_000, "ids to remember before they are forgotten; products with a price")
	every := flag.Duration("every", 5*time.Second, "from price list to price list")
	repaired := flag.Bool("repaired", false, "with the maps made as they should be")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var handler http.Handler
	if *prices {
		list := newPriceList(*entries, *repaired)
		go list.refresh(ctx, *every)
		handler = list
	} else {
		handler = newIntake(*entries, *repaired)
	}
	if err := serve(ctx, *listen, handler); err != nil {
		log.Fatal("intake: ", err)
	}
}

func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", timed(handler))
	mux.Handle("/metrics", promhttp.Handler())
	server := &http.Server{Handler: mux}
	context.AfterFunc(ctx, func() { server.Close() })
	fmt.Println("listening on", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// timed has Prometheus told how long requests take.
func timed(handler http.Handler) http.Handler {
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_server_request_duration_seconds",
		Help:    "How long requests took.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 1.25, 38),
	}, nil)
	prometheus.MustRegister(durations)
	return promhttp.InstrumentHandlerDuration(durations, handler)
}
