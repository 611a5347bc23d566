// Command misuse uses maps as one should not, or, with --repaired, as one should: what advice has to be given for, and
// what it must not be given for.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"slowmap.test/groundtruth"
)

// Each case works until the deadline, misused or repaired.
var cases = map[string]func(deadline time.Time, repaired bool){
	"busy":           busy,
	"gc-assist":      gcAssist,
	"json":           jsonMaps,
	"large-entries":  largeEntries,
	"large-map":      largeMap,
	"middleware":     middleware,
	"per-request":    perRequest,
	"regrown":        regrown,
	"shared-map":     sharedMap,
	"sync-map":       syncMap,
	"unsynchronised": unsynchronised,
}

func names() []string {
	var names []string
	for name := range cases {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func main() {
	var gate groundtruth.Gate
	name := flag.String("case", "", "what to misuse: "+strings.Join(names(), ", "))
	repaired := flag.Bool("repaired", false, "as it should be done")
	duration := flag.Duration("duration", 2*time.Second, "how long")
	flag.DurationVar(&gate.StartAfter, "start-after", 0, "begin by itself after this long (0: wait)")
	flag.Parse()
	work, ok := cases[*name]
	if !ok {
		fmt.Fprintf(os.Stderr, "misuse: no such --case: %q\n", *name)
		os.Exit(2)
	}
	gate.Listen()
	if gate.Wait() {
		work(time.Now().Add(*duration), *repaired)
	}
}
