package groundtruth

import (
	"bufio"
	"encoding/json"
	"os"
	"runtime"
	"sync"
)

// Write is one slow map write, or one slow gap of a control loop, as it is logged: a JSON line.
type Write struct {
	// "write", "control" for a gap in which no map was written, or "machine" for a write that was slow only because
	// the hypervisor took its CPU away.
	Kind string `json:"kind"`
	Goid uint64 `json:"goid"`
	// On CLOCK_MONOTONIC.
	StartNano    int64 `json:"start_nano"`
	DurationNano int64 `json:"duration_nano"`
	// By so much at most it began later than StartNano (Lap.Clock).
	ClockNano int64 `json:"clock_nano,omitempty"`
	// Of the duration, what the hypervisor took (Thread).
	StolenNano int64 `json:"stolen_nano,omitempty"`
	// The function whose body has the write, as Go names it.
	Function string `json:"function"`
	MapType  string `json:"map_type,omitempty"`
	MapLen   int    `json:"map_len,omitempty"`
	// Of a service with requests: the handler's shape and the span that the write ran under. HasContext is
	// false where the writing goroutine was not given the context.
	Shape      string `json:"shape,omitempty"`
	TraceID    string `json:"trace_id,omitempty"`
	SpanID     string `json:"span_id,omitempty"`
	HasContext bool   `json:"has_context,omitempty"`
	// Sampled tells a span that goes to a backend from one that does not; of targets that have both.
	Sampled bool `json:"sampled,omitempty"`
	// The callers as Go's own traceback has them, the function above first; where the log keeps stacks.
	Stack   []Frame `json:"stack,omitempty"`
	callers []uintptr
}

// Frame is one call, an inlined one like any other.
type Frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// Log keeps slow writes in memory that it allocated beforehand. It is for one goroutine.
type Log struct {
	Threshold int64
	// Stacks is how many writes, the first ones, are logged with their callers.
	Stacks int
	writes []Write
	// Dropped counts slow writes for which there was no room: with any of these the truth is incomplete.
	Dropped int
}

// NewLog has room for that many slow writes and never allocates again.
func NewLog(threshold int64, room int) *Log {
	return &Log{Threshold: threshold, writes: make([]Write, 0, room)}
}

// Add logs a write that took at least the threshold.
func (l *Log) Add(write Write) {
	if len(l.writes) == cap(l.writes) {
		l.Dropped++
		return
	}
	if len(l.writes) < l.Stacks {
		var callers [64]uintptr
		write.callers = append(write.callers, callers[:runtime.Callers(2, callers[:])]...)
	}
	l.writes = append(l.writes, write)
}

// Shared is a Log for many goroutines: its lock is taken after the slow write, never within it.
type Shared struct {
	mutex sync.Mutex
	log   *Log
}

// stack resolves the callers, from the function that has the write on: below it is only what logged it.
func (w Write) stack() []Frame {
	if len(w.callers) == 0 {
		return nil
	}
	var stack []Frame
	frames := runtime.CallersFrames(w.callers)
	for {
		frame, more := frames.Next()
		if len(stack) > 0 || frame.Function == w.Function {
			stack = append(stack, Frame{frame.Function, frame.File, frame.Line})
		}
		if !more {
			return stack
		}
	}
}

// NewShared is a Shared with room for that many slow writes.
func NewShared(threshold int64, room int) *Shared {
	return &Shared{log: NewLog(threshold, room)}
}

// Threshold is the shortest write that counts, in nanoseconds.
func (s *Shared) Threshold() int64 { return s.log.Threshold }

// Add logs a write that took at least the threshold.
func (s *Shared) Add(write Write) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.log.Add(write)
}

// Log is for when no goroutine writes any more.
func (s *Shared) Log() *Log { return s.log }

// Save writes all logs as JSON lines and returns how many writes, control gaps and lost entries they had.
func Save(path string, logs []*Log) (writes, control, dropped int, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, 0, 0, err
	}
	defer file.Close()
	buffered := bufio.NewWriter(file)
	encoder := json.NewEncoder(buffered)
	for _, log := range logs {
		dropped += log.Dropped
		for _, write := range log.writes {
			switch write.Kind {
			case "control":
				control++
			case "write":
				writes++
			}
			write.Stack = write.stack()
			if err := encoder.Encode(write); err != nil {
				return writes, control, dropped, err
			}
		}
	}
	return writes, control, dropped, buffered.Flush()
}
