// Command plain is an HTTP service without any SDK for tracing: what it knows of a trace is the header of the request, and
// labels. It logs which trace each slow map write belongs to.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"slowmap.test/groundtruth"
)

type options struct {
	requests  int
	clients   int
	entries   int
	threshold time.Duration
	output    string
	gate      groundtruth.Gate
}

func parse() options {
	var o options
	flag.IntVar(&o.requests, "requests", 400, "requests that it makes of itself")
	flag.IntVar(&o.clients, "clients", 8, "clients that make them, each on one connection")
	flag.IntVar(&o.entries, "entries", 3000, "entries of the map that a request builds")
	flag.DurationVar(&o.threshold, "threshold", 20*time.Microsecond, "shortest write that is logged")
	flag.StringVar(&o.output, "output", "truth.jsonl", "file for the slow writes, one JSON object a line")
	flag.Parse()
	return o
}

func main() {
	o := parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "plain:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	s := newService(o)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.routes()}
	go server.Serve(listener)
	o.gate.Listen(listener.Addr())
	if !o.gate.Wait() {
		return nil
	}
	begin := time.Now()
	s.drive("http://" + listener.Addr().String())
	seconds := time.Since(begin).Seconds()
	if err := server.Shutdown(context.Background()); err != nil {
		return err
	}
	return s.finish(seconds)
}

func (s *service) finish(seconds float64) error {
	served := groundtruth.Served{
		Writes: s.writes.Load(), Seconds: seconds, Throughput: float64(s.writes.Load()) / seconds,
		Requests: s.requests.Load(), Failed: s.failed.Load(),
	}
	return served.Finish(s.options.output, s.slow, 0)
}
