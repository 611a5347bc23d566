// Command truth writes to maps, times each write itself and, at its end, says which were slow: what a
// tracer has to find.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"slowmap.test/groundtruth"
)

type options struct {
	mode       string
	goroutines int
	rate       int
	minEntries int
	maxEntries int
	entries    int
	threshold  time.Duration
	duration   time.Duration
	control    bool
	stacks     int
	output     string
	nice       int
	gate       groundtruth.Gate
}

func parse() options {
	var o options
	flag.StringVar(&o.mode, "mode", "service", "service, torture or giant")
	flag.IntVar(&o.goroutines, "goroutines", 8, "goroutines that write (service, torture)")
	flag.IntVar(&o.rate, "rate", 100_000, "map writes a second, all goroutines together (service)")
	flag.IntVar(&o.minEntries, "min-entries", 100, "smallest map (service, torture)")
	flag.IntVar(&o.maxEntries, "max-entries", 1_000_000, "largest map (service, torture)")
	flag.IntVar(&o.entries, "entries", 11_000_000, "size of the one map (giant)")
	flag.DurationVar(&o.threshold, "threshold", 100*time.Microsecond, "shortest write that is logged")
	flag.DurationVar(&o.duration, "duration", 0, "end after this long (0: at SIGINT or SIGTERM)")
	flag.BoolVar(&o.control, "control", false, "also run loops of the same shape without map writes")
	flag.IntVar(&o.stacks, "stacks", 0, "log this many slow writes of each goroutine with their callers")
	flag.StringVar(&o.output, "output", "truth.jsonl", "file for the slow writes, one JSON object a line")
	flag.IntVar(&o.nice, "nice", 0, "niceness of the threads that write, e.g. -20 for a target that never starves")
	flag.StringVar(&o.gate.StartOn, "start-on", "", "begin when this file exists")
	flag.DurationVar(&o.gate.StartAfter, "start-after", 0, "begin by itself after this long (0: wait)")
	flag.Parse()
	return o
}

// crew is what all workers share.
type crew struct {
	options     options
	pace        pace
	controlPace pace
	stop        atomic.Bool
	group       sync.WaitGroup
	workers     []*worker
}

type outcome struct {
	Writes       uint64  `json:"writes"`
	ControlSteps uint64  `json:"control_steps"`
	Seconds      float64 `json:"seconds"`
	Throughput   float64 `json:"throughput"`
	Slow         int     `json:"slow"`
	ControlSlow  int     `json:"control_slow"`
	SlowDropped  int     `json:"slow_dropped"`
	ClockGaps    uint64  `json:"clock_gaps"`
	MapsChecked  uint64  `json:"maps_checked"`
	ChecksumOK   bool    `json:"checksum_ok"`
	// Of all threads, from the first write on.
	CPUSeconds float64                   `json:"cpu_seconds"`
	All        *groundtruth.Distribution `json:"all,omitempty"`
	// Writes, and gaps of the control, that were not slow.
	Others        *groundtruth.Distribution `json:"others,omitempty"`
	ControlOthers *groundtruth.Distribution `json:"control_others,omitempty"`
}

func main() {
	o := parse()
	if o.mode != "service" && o.mode != "torture" && o.mode != "giant" {
		fmt.Fprintf(os.Stderr, "truth: --mode is service, torture or giant, not %q\n", o.mode)
		os.Exit(2)
	}
	c := &crew{options: o}
	o.gate.Listen()
	if !o.gate.Wait() {
		return
	}
	if err := renice(o.nice); err != nil {
		fmt.Fprintln(os.Stderr, "truth: --nice:", err)
		os.Exit(1)
	}
	begin, used := time.Now(), cpuSeconds()
	c.pace.start(o)
	c.controlPace.start(o)
	c.launch()
	finished := make(chan struct{})
	go func() { c.group.Wait(); close(finished) }()
	o.gate.Done(o.duration, finished)
	c.stop.Store(true)
	<-finished
	c.finish(outcome{Seconds: time.Since(begin).Seconds(), CPUSeconds: cpuSeconds() - used, ChecksumOK: true})
}

// finish saves the log, prints the last line and exits: 1 where a map did not hold what was put into it.
func (c *crew) finish(result outcome) {
	var logs []*groundtruth.Log
	var laps, controlLaps groundtruth.Histogram
	for _, w := range c.workers {
		logs = append(logs, w.log)
		if w.isControl {
			controlLaps.Merge(w.laps)
		} else {
			laps.Merge(w.laps)
		}
		result.Writes += w.writes
		result.ControlSteps += w.controlSteps
		result.MapsChecked += w.mapsChecked
		result.ClockGaps += w.clockGaps
		result.ChecksumOK = result.ChecksumOK && !w.mismatch
	}
	result.Throughput = float64(result.Writes) / result.Seconds
	threshold := c.options.threshold.Nanoseconds()
	result.All = laps.Below(math.MaxInt64)
	result.Others, result.ControlOthers = laps.Below(threshold), controlLaps.Below(threshold)
	var err error
	result.Slow, result.ControlSlow, result.SlowDropped, err = groundtruth.Save(c.options.output, logs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "truth:", err)
		os.Exit(1)
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
	if !result.ChecksumOK {
		os.Exit(1)
	}
}
