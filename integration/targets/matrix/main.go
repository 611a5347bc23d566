// Command matrix makes maps grow and logs each slow write that comes of it, with what Go itself knows of it. It builds
// with every Go release since 1.18, and imports little, so that building it with all of them is cheap.
package main

import (
	"os"
	"runtime"
	"strconv"
)

func main() {
	if len(os.Args) != 3 || os.Args[1] != "--output" {
		os.Stderr.WriteString("usage: matrix --output FILE\n")
		os.Exit(2)
	}
	os.Stdout.WriteString("READY " + strconv.Itoa(os.Getpid()) + "\n")
	if !told() {
		return
	}
	begin := nanotime()
	workers := launch()
	seconds := float64(nanotime()-begin) / 1e9
	var log []byte
	var count uint64
	slow, right := 0, true
	for _, w := range workers {
		for _, write := range w.writes {
			log = write.appendJSON(log, w.goid)
		}
		count += w.count
		slow += len(w.writes)
		right = right && !w.wrong
	}
	if err := os.WriteFile(os.Args[2], log, 0o600); err != nil {
		os.Stderr.WriteString("matrix: " + err.Error() + "\n")
		os.Exit(1)
	}
	// It stays until it is told to end, so that what was done to it can be looked at before.
	os.Stdout.WriteString("DONE\n")
	if !told() {
		return
	}
	os.Stdout.WriteString(`{"writes":` + strconv.FormatUint(count, 10) +
		`,"seconds":` + strconv.FormatFloat(seconds, 'f', 3, 64) +
		`,"throughput":` + strconv.FormatFloat(float64(count)/seconds, 'f', 0, 64) +
		`,"slow":` + strconv.Itoa(slow) +
		`,"slow_dropped":0,"checksum_ok":` + strconv.FormatBool(right) + "}\n")
}

// told waits for a line on stdin; the end of stdin is none.
func told() bool {
	letter := make([]byte, 1)
	for letter[0] != '\n' {
		if _, err := os.Stdin.Read(letter); err != nil {
			return false
		}
	}
	return true
}

// launch runs one goroutine for each shape, at the same time, and returns when all have ended.
func launch() []*worker {
	done := make(chan *worker)
	shapes := []func(*worker, int) (int, uint64){fillWide, fillNarrow, fillText, fillPointer, fillStruct}
	for range shapes {
		// Some that do nothing, so that goroutine ids are not those of the shapes' order.
		go func() { done <- nil }()
		<-done
	}
	for _, fill := range shapes {
		w := &worker{writes: make([]write, 0, goal)}
		go w.run(fill, done)
	}
	workers := make([]*worker, 0, len(shapes))
	for range shapes {
		workers = append(workers, <-done)
	}
	return workers
}

// appendJSON appends a line of the log. Names of functions and paths that Go quotes are those that JSON does, too.
func (w write) appendJSON(line []byte, goid uint64) []byte {
	line = strconv.AppendUint(append(line, `{"kind":"write","goid":`...), goid, 10)
	line = strconv.AppendInt(append(line, `,"start_nano":`...), w.start, 10)
	line = strconv.AppendInt(append(line, `,"duration_nano":`...), w.duration, 10)
	line = strconv.AppendQuote(append(line, `,"map_type":`...), w.mapType)
	frames := runtime.CallersFrames(w.callers)
	for first := true; ; first = false {
		frame, more := frames.Next()
		if first {
			line = strconv.AppendQuote(append(line, `,"function":`...), frame.Function)
			line = append(line, `,"stack":[`...)
		} else {
			line = append(line, ',')
		}
		line = strconv.AppendQuote(append(line, `{"function":`...), frame.Function)
		line = strconv.AppendQuote(append(line, `,"file":`...), frame.File)
		line = strconv.AppendInt(append(line, `,"line":`...), int64(frame.Line), 10)
		line = append(line, '}')
		if !more {
			return append(line, "]}\n"...)
		}
	}
}
