package groundtruth

import (
	"fmt"
	"syscall"
	"unsafe"
)

// Thread tells what the machine took away while a goroutine believed to run: a virtual CPU that the hypervisor gives to
// others stands still without any event in the guest. The kernel takes that time off a thread's CPU time, so that what
// the wall clock has more was stolen, but for what the thread waited for a CPU, which the kernel counts, too. No tracer
// of map writes has to find stolen time.
type Thread struct {
	last reading
	// Of the thread that this goroutine was on last: its /proc/PID/task/TID/schedstat.
	schedstat int
	opened    uintptr
	time      syscall.Timespec
	rusage    syscall.Rusage
	text      [96]byte
}

// Times in nanoseconds.
type reading struct {
	thread          uintptr
	sleeps          int64
	cpu, wall, wait int64
	valid           bool
}

// ThreadCheck is after how many writes a goroutine calls Mark: a few system calls, shared by that many writes.
const ThreadCheck = 64

const (
	rusageThread    = 1 // RUSAGE_THREAD, linux/resource.h
	threadCPUTimeID = 3 // CLOCK_THREAD_CPUTIME_ID, linux/time.h
)

// Mark is called now and then, never within timed code.
func (t *Thread) Mark() { t.last = t.read() }

// Stolen is called after a slow write: what the machine took since the last mark, in nanoseconds; 0 where that is not
// known, because the goroutine changed its thread or the thread slept. It marks anew.
func (t *Thread) Stolen() int64 {
	before := t.last
	t.last = t.read()
	now := t.last
	if !before.valid || !now.valid || before.thread != now.thread || before.sleeps != now.sleeps {
		return 0
	}
	return max(0, (now.wall-before.wall)-(now.cpu-before.cpu)-(now.wait-before.wait))
}

func (t *Thread) read() reading {
	thread := threadID()
	if thread != t.opened && !t.open(thread) {
		return reading{}
	}
	wait, ok := t.waited()
	wall := Nanotime()
	_, _, err := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPUTimeID, uintptr(unsafe.Pointer(&t.time)), 0)
	if err != 0 || !ok {
		return reading{}
	}
	_, _, err = syscall.RawSyscall(syscall.SYS_GETRUSAGE, rusageThread, uintptr(unsafe.Pointer(&t.rusage)), 0)
	if err != 0 {
		return reading{}
	}
	return reading{
		thread: thread,
		sleeps: t.rusage.Nvcsw,
		cpu:    t.time.Nano(),
		wall:   wall,
		wait:   wait,
		valid:  thread == threadID(),
	}
}

func (t *Thread) open(thread uintptr) bool {
	if t.opened != 0 {
		_ = syscall.Close(t.schedstat)
	}
	t.opened = 0
	file, err := syscall.Open(fmt.Sprintf("/proc/self/task/%d/schedstat", thread), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	t.schedstat, t.opened = file, thread
	return true
}

// waited is the second number of the file: how long the thread was ready to run and had no CPU.
func (t *Thread) waited() (int64, bool) {
	length, _, err := syscall.RawSyscall6(syscall.SYS_PREAD64, uintptr(t.schedstat), uintptr(unsafe.Pointer(&t.text)),
		uintptr(len(t.text)), 0, 0, 0)
	if err != 0 || length > uintptr(len(t.text)) {
		return 0, false
	}
	field, wait := 0, int64(0)
	for _, c := range t.text[:length] {
		switch {
		case c == ' ':
			field++
		case field == 1:
			wait = wait*10 + int64(c-'0')
		}
	}
	return wait, field == 2
}

func threadID() uintptr {
	id, _, _ := syscall.RawSyscall(syscall.SYS_GETTID, 0, 0, 0)
	return id
}
