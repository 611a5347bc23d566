// Command frameworks is a service behind several frameworks, and its own clients: requests whose handlers make slow map
// writes in the ways in which services work with contexts and spans. For each slow write it logs the span that it ran
// under, or none.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"slowmap.test/groundtruth"
)

type options struct {
	requests  int
	clients   int
	entries   int
	sampled   float64
	gcPercent int
	threshold time.Duration
	output    string
	gate      groundtruth.Gate
}

func parse() options {
	var o options
	flag.IntVar(&o.requests, "requests", 5000, "requests that it makes of itself")
	flag.IntVar(&o.clients, "clients", 256, "clients that make them, each on a connection that it keeps")
	flag.IntVar(&o.entries, "entries", 460, "entries of each map that a request builds")
	flag.Float64Var(&o.sampled, "sampled", 0.8, "share of the traces that are sampled")
	flag.IntVar(&o.gcPercent, "gc-percent", 25, "GOGC: how much the heap may grow before the garbage collector runs")
	flag.DurationVar(&o.threshold, "threshold", 20*time.Microsecond, "shortest write that is logged")
	flag.StringVar(&o.output, "output", "truth.jsonl", "file for the slow writes, one JSON object a line")
	flag.Parse()
	return o
}

func main() {
	o := parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "frameworks:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	debug.SetGCPercent(o.gcPercent)
	stopTelemetry := startTelemetry(o.sampled)
	s := newService(o)
	backend, err := s.start()
	if err != nil {
		return err
	}
	o.gate.Listen(backend.http)
	if !o.gate.Wait() {
		return nil
	}
	begin := time.Now()
	s.drive(backend)
	s.outliving.Wait()
	seconds := time.Since(begin).Seconds()
	backend.stop()
	stopTelemetry()
	return s.finish(seconds)
}

func (s *service) finish(seconds float64) error {
	served := groundtruth.Served{
		Writes: s.writes.Load(), Seconds: seconds, Throughput: float64(s.requests.Load()) / seconds,
		Requests: s.requests.Load(), Failed: s.failed.Load(),
	}
	return served.Finish(s.options.output, s.slow, s.mismatches.Load())
}
