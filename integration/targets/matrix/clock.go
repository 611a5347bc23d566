package main

import (
	"bytes"
	"runtime"
	"strconv"
	_ "unsafe" // for go:linkname
)

// nanotime reads CLOCK_MONOTONIC in nanoseconds, as slowmap does.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// goroutineID is the caller's goid, as its traceback names it.
func goroutineID() uint64 {
	var buffer [64]byte
	fields := bytes.Fields(buffer[:runtime.Stack(buffer[:], false)])
	if len(fields) < 2 {
		return 0
	}
	goid, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return goid
}
