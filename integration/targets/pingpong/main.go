// Command pingpong switches goroutines as fast as it can, beside goroutines that fill maps and time each of their
// writes: what a tracer that probes the scheduler must not slow down, and must find the slow writes of all the same.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"slowmap.test/groundtruth"
)

type options struct {
	pairs     int
	entries   int
	pause     time.Duration
	threshold time.Duration
	duration  time.Duration
	output    string
	rates     string
	gate      groundtruth.Gate
}

func parse() options {
	var o options
	flag.IntVar(&o.pairs, "pairs", 4, "pairs of goroutines that hand a value to and fro (0: calm)")
	flag.IntVar(&o.entries, "entries", 200_000, "size of each map")
	flag.DurationVar(&o.pause, "pause", 50*time.Millisecond, "between two maps")
	flag.DurationVar(&o.threshold, "threshold", 100*time.Microsecond, "shortest write that is logged")
	flag.DurationVar(&o.duration, "duration", 0, "end after this long (0: at SIGINT or SIGTERM)")
	flag.StringVar(&o.output, "output", "truth.jsonl", "file for the slow writes, one JSON object a line")
	flag.StringVar(&o.rates, "rates", "", "file for the round trips in each tenth of a second, as JSON")
	flag.StringVar(&o.gate.StartOn, "start-on", "", "begin when this file exists")
	flag.DurationVar(&o.gate.StartAfter, "start-after", 0, "begin by itself after this long (0: wait)")
	flag.Parse()
	return o
}

// outcome is the last line of the output. Throughput is round trips a second, each of two switches of goroutines.
type outcome struct {
	Writes      uint64  `json:"writes"`
	RoundTrips  uint64  `json:"round_trips"`
	Seconds     float64 `json:"seconds"`
	Throughput  float64 `json:"throughput"`
	Slow        int     `json:"slow"`
	SlowDropped int     `json:"slow_dropped"`
	ChecksumOK  bool    `json:"checksum_ok"`
}

func main() {
	o := parse()
	o.gate.Listen()
	if !o.gate.Wait() {
		return
	}
	begin := time.Now()
	var stop atomic.Bool
	var group sync.WaitGroup
	rally := &rally{stop: &stop}
	rally.start(o.pairs, &group)
	filler := &filler{stop: &stop, log: groundtruth.NewLog(o.threshold.Nanoseconds(), 1<<16)}
	group.Add(1)
	go filler.work(o, &group)
	rates := make(chan []rate, 1)
	go func() { rates <- rally.watch() }()
	finished := make(chan struct{})
	o.gate.Done(o.duration, finished)
	stop.Store(true)
	group.Wait()
	seconds := time.Since(begin).Seconds()
	if o.rates != "" {
		save(o.rates, <-rates)
	}
	finish(o, rally, filler, seconds)
}

// finish saves the log, prints the last line and exits: 1 where a map did not hold what was put into it.
func finish(o options, rally *rally, filler *filler, seconds float64) {
	result := outcome{Seconds: seconds, ChecksumOK: !filler.mismatch, Writes: filler.writes}
	result.RoundTrips = rally.trips.Load()
	result.Throughput = float64(result.RoundTrips) / seconds
	var err error
	result.Slow, _, result.SlowDropped, err = groundtruth.Save(o.output, []*groundtruth.Log{filler.log})
	check(err)
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
	if !result.ChecksumOK {
		os.Exit(1)
	}
}

func save(path string, rates []rate) {
	text, err := json.Marshal(rates)
	check(err)
	check(os.WriteFile(path, text, 0o644))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pingpong:", err)
		os.Exit(1)
	}
}
