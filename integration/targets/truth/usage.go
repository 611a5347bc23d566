package main

import (
	"syscall"
	"time"
)

// cpuSeconds is what all threads of the process have used so far, in user mode and in the kernel: what probes take
// is in it.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	used := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	return used.Seconds()
}
