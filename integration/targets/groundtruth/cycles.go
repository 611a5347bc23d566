package groundtruth

import "time"

// Cycles reads the processor's counter of constant rate, in a few nanoseconds. Reading the clock takes about as
// long as a fast map write: a thread that loses its processor between two readings of the clock loses it nearly
// as often while the clock is read as in the write. Cycles right around the write tell the two apart.
func Cycles() uint64

var nanosPerCycle = calibrate(20 * time.Millisecond)

func calibrate(wait time.Duration) float64 {
	begin, from := Nanotime(), Cycles()
	time.Sleep(wait)
	return float64(Nanotime()-begin) / float64(Cycles()-from)
}

// CyclesOf is at least how many cycles a time takes: a hundredth less, for what calibration is off.
func CyclesOf(nanos int64) uint64 { return uint64(0.99 * float64(nanos) / nanosPerCycle) }
