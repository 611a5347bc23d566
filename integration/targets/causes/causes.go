package main

import (
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"
)

// growth: the collector runs between the maps only, and the memory that they are in has all been touched.
func growth() work {
	debug.SetGCPercent(-1)
	return work{writers: 1, entries: 200_000, between: runtime.GC}
}

type node struct{ next *node }

var ballast *node

// gcAssist: the collector has much to mark, and runs again as soon as a little is allocated.
func gcAssist() work {
	for i := 0; i < 4_000_000; i++ {
		ballast = &node{ballast}
	}
	debug.SetGCPercent(5)
	return work{writers: 2, entries: 100_000}
}

// stopTheWorld: the stacks of very many goroutines are printed, which only a stopped world allows.
func stopTheWorld() work {
	debug.SetGCPercent(-1)
	parked := make(chan struct{})
	for i := 0; i < 2_000; i++ {
		go func() { <-parked }()
	}
	stacks := make([]byte, 4<<20)
	meanwhile := func(stop <-chan struct{}) {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.Stack(stacks, true)
			}
		}
	}
	return work{writers: 1, entries: 200_000, between: runtime.GC, meanwhile: meanwhile}
}

// goroutinePreempted: two that write share one thread with one that computes.
func goroutinePreempted() work {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(1)
	spin := func(stop <-chan struct{}) {
		for {
			select {
			case <-stop:
				return
			default:
			}
		}
	}
	return work{writers: 2, entries: 1_000_000, between: runtime.GC, meanwhile: spin}
}

const hugePage = 2 << 20

// pageFault: maps grow into memory that was never touched and comes in huge pages, which the kernel has to zero.
func pageFault() work {
	debug.SetGCPercent(-1)
	fresh := make([]byte, 3<<30)
	begin := (uintptr(unsafe.Pointer(unsafe.SliceData(fresh))) + hugePage - 1) &^ (hugePage - 1)
	length := uintptr(len(fresh)) - 2*hugePage
	const madvHugePage = 14
	if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, begin, length, madvHugePage); errno != 0 {
		panic(errno)
	}
	runtime.KeepAlive(fresh)
	fresh = nil
	runtime.GC()
	return work{writers: 1, entries: 200_000}
}

func outside() work {
	debug.SetGCPercent(-1)
	return work{writers: 1, entries: 200_000, between: runtime.GC}
}
