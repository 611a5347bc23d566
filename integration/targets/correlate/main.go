// Command correlate is an HTTP service whose handlers make slow map writes in the ways in which a request's
// trace context can, and cannot, be at hand; it logs which span each slow write belongs to.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"slowmap.test/groundtruth"
)

type options struct {
	listen    string
	requests  int
	clients   int
	entries   int
	threshold time.Duration
	duration  time.Duration
	output    string
	gate      groundtruth.Gate
}

func parse() options {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "address to listen on")
	flag.IntVar(&o.requests, "requests", 400, "requests that it makes of itself (0: waits for others' until it is told to end)")
	flag.IntVar(&o.clients, "clients", 8, "clients that make them, each on one connection")
	flag.IntVar(&o.entries, "entries", 6000, "entries of the map that a request builds")
	flag.DurationVar(&o.threshold, "threshold", 20*time.Microsecond, "shortest write that is logged")
	flag.DurationVar(&o.duration, "duration", 0, "end after this long (0: when the requests are done)")
	flag.StringVar(&o.output, "output", "truth.jsonl", "file for the slow writes, one JSON object a line")
	flag.StringVar(&o.gate.StartOn, "start-on", "", "begin when this file exists")
	flag.DurationVar(&o.gate.StartAfter, "start-after", 0, "begin by itself after this long (0: wait)")
	flag.Parse()
	return o
}

func main() {
	o := parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "correlate:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	provider, err := newTracerProvider(context.Background())
	if err != nil {
		return err
	}
	s := newService(o)
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: otelhttp.NewHandler(s.routes(), "correlate")}
	go server.Serve(listener)
	o.gate.Listen(listener.Addr())
	if !o.gate.Wait() {
		return nil
	}
	begin := time.Now()
	finished := make(chan struct{})
	if o.requests > 0 {
		go func() { s.drive(listener.Addr().String()); close(finished) }()
	}
	o.gate.Done(o.duration, finished)
	seconds := time.Since(begin).Seconds()
	if err := server.Shutdown(context.Background()); err != nil {
		return err
	}
	if err := provider.Shutdown(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "correlate: spans may be missing:", err)
	}
	return s.finish(seconds)
}

func (s *service) finish(seconds float64) error {
	served := groundtruth.Served{
		Writes: s.writes.Load(), Seconds: seconds, Throughput: float64(s.writes.Load()) / seconds,
		Requests: s.requests.Load(), Failed: s.failed.Load(),
	}
	return served.Finish(s.options.output, s.slow, s.mismatches.Load())
}
