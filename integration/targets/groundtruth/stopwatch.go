package groundtruth

// cycles reads the time-stamp counter. It is there because a call of runtime.nanotime is half as long as a fast
// map write: a thread that loses its CPU within that call, after the clock was read, would pass for a slow write.
// Without a fence the counter may be read some hundred cycles early, which is nothing beside the threshold; a
// fence would wait for the memory that the write before has touched, and so be such a place itself.
func cycles() int64

// The two clocks at the start of the program: what one is measured in the other by.
var firstNano, firstCycles = Nanotime(), cycles()

// Stopwatch times one map write.
type Stopwatch struct {
	// On CLOCK_MONOTONIC.
	BeginNano   int64
	beginCycles int64
}

// Start is called right before the write. Like Stop it has no check of the stack, where the scheduler would take a
// goroutine away that is between the two.
//
//go:nosplit
func Start() Stopwatch {
	begin := Nanotime()
	return Stopwatch{begin, cycles()}
}

// Stop is called right after the write, and returns how long it took by the monotonic clock, the calls of the
// clock included: cheap, and never too short.
//
//go:nosplit
func (s Stopwatch) Stop() Lap {
	end := cycles()
	return Lap{Nanotime() - s.BeginNano, end - s.beginCycles}
}

// Lap is what a Stopwatch says of a write.
type Lap struct {
	Nano   int64
	cycles int64
}

// Exact is how long the write took without the calls of the clock, in nanoseconds.
func (l Lap) Exact() int64 {
	return int64(float64(l.cycles) * nanoPerCycle())
}

// Clock is the rest of what the monotonic clock says: a signal that comes between the readings of the two clocks makes it
// long, and the write then began as much later than BeginNano at most.
func (l Lap) Clock() int64 { return max(0, l.Nano-l.Exact()) }

func nanoPerCycle() float64 {
	return float64(Nanotime()-firstNano) / float64(cycles()-firstCycles)
}
