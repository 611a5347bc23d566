// Package groundtruth lets a program time its own map writes, on the clock that slowmap uses, and say
// afterwards which of them were slow. It imports nothing but the standard library and never does I/O
// between the two readings of the clock.
package groundtruth

import (
	"bytes"
	"runtime"
	"strconv"
	_ "unsafe" // for go:linkname
)

// Nanotime reads CLOCK_MONOTONIC in nanoseconds: the clock of bpf_ktime_get_ns. empty.s (which is
// empty) lets it stand here without a body, so that a call of this is a call of runtime.nanotime.
//
//go:linkname Nanotime runtime.nanotime
func Nanotime() int64

// GoroutineID is the caller's goid. It takes microseconds: call it once per goroutine, outside timed code.
func GoroutineID() uint64 {
	var buffer [64]byte
	line := buffer[:runtime.Stack(buffer[:], false)]
	fields := bytes.Fields(line)
	if len(fields) < 2 {
		return 0
	}
	goid, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return goid
}
