// Command causes makes map writes slow in one way, with as little of the others as can be had, times each write itself
// and says at its end which were slow: what the cause of each event has to be.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"slowmap.test/groundtruth"
)

// Each prepares what makes writes slow, and says what is to be written.
var causes = map[string]func() work{
	"growth":              growth,
	"gc_assist":           gcAssist,
	"stop_the_world":      stopTheWorld,
	"goroutine_preempted": goroutinePreempted,
	"page_fault":          pageFault,
	// What makes them slow comes from outside: whoever stops the process, or takes its CPU.
	"outside": outside,
}

type outcome struct {
	Writes      uint64  `json:"writes"`
	Seconds     float64 `json:"seconds"`
	Throughput  float64 `json:"throughput"`
	Slow        int     `json:"slow"`
	SlowDropped int     `json:"slow_dropped"`
	ChecksumOK  bool    `json:"checksum_ok"`
}

func main() {
	var gate groundtruth.Gate
	cause := flag.String("cause", "", "what makes writes slow")
	threshold := flag.Duration("threshold", 100*time.Microsecond, "shortest write that is logged")
	duration := flag.Duration("duration", 3*time.Second, "how long")
	output := flag.String("output", "truth.jsonl", "file for the slow writes, one JSON object a line")
	flag.Parse()
	prepare, ok := causes[*cause]
	if !ok {
		fmt.Fprintf(os.Stderr, "causes: no such --cause: %q\n", *cause)
		os.Exit(2)
	}
	work := prepare()
	gate.Listen()
	if !gate.Wait() {
		return
	}
	begin := time.Now()
	writers := work.run(begin.Add(*duration), threshold.Nanoseconds())
	finish(writers, time.Since(begin), *output)
}

func finish(writers []*writer, took time.Duration, output string) {
	result := outcome{Seconds: took.Seconds(), ChecksumOK: true}
	var logs []*groundtruth.Log
	for _, w := range writers {
		result.Writes += w.writes
		result.ChecksumOK = result.ChecksumOK && !w.mismatch
		logs = append(logs, w.log)
	}
	result.Throughput = float64(result.Writes) / result.Seconds
	var err error
	result.Slow, _, result.SlowDropped, err = groundtruth.Save(output, logs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "causes:", err)
		os.Exit(1)
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
}
