package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"slowmap.test/groundtruth"
)

// Slow writes that the service has room for.
const logRoom = 1 << 17

type service struct {
	options     options
	slow        *groundtruth.Shared
	writes      atomic.Uint64
	requests    atomic.Int64
	failed      atomic.Int64
	tasks       chan task
	forLabelled chan task
}

type shape struct {
	name    string
	handler func(*service, http.ResponseWriter, *http.Request)
}

var shapes = []shape{
	{"handler", (*service).inHandler},
	{"middleware", (*service).behindMiddleware},
	{"deep", (*service).deep},
	{"json", (*service).fromJSON},
	{"worker", (*service).inWorker},
	{"outlives", (*service).outlives},
	{"labelled", (*service).labelled},
	{"datadog", (*service).labelledAsDatadog},
	{"set", (*service).setLabels},
	{"stale", (*service).leaveLabels},
	{"labelled-worker", (*service).inLabelledWorker},
	{"hostile-labels", (*service).hostileLabels},
	{"hostile-header", (*service).hostileHeader},
}

func newService(o options) *service {
	return &service{
		options: o, slow: groundtruth.NewShared(o.threshold.Nanoseconds(), logRoom), tasks: make(chan task), forLabelled: make(chan task),
	}
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	for _, shape := range shapes {
		handler := shape.handler
		mux.HandleFunc("/"+shape.name, func(w http.ResponseWriter, r *http.Request) { handler(s, w, r) })
	}
	return mux
}

// inHandler needs neither the writer nor the request after the map is built, but for the answer.
func (s *service) inHandler(w http.ResponseWriter, r *http.Request) {
	s.build(ownerOf("handler", r))
	fmt.Fprintln(w, "ok")
}

// behindMiddleware gives the handler a request and a writer of the middleware's own.
func (s *service) behindMiddleware(w http.ResponseWriter, r *http.Request) {
	http.StripPrefix("/middleware", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.build(ownerOf("middleware", r))
		fmt.Fprintln(w, "ok")
	})).ServeHTTP(&counting{ResponseWriter: w}, r)
}

type counting struct {
	http.ResponseWriter
	written int
}

func (c *counting) Write(p []byte) (int, error) {
	c.written += len(p)
	return c.ResponseWriter.Write(p)
}

// deep builds the map far from the server's frame, on a stack that has to grow for it.
func (s *service) deep(w http.ResponseWriter, r *http.Request) {
	s.descend(ownerOf("deep", r), 60)
	fmt.Fprintln(w, "ok")
}

//go:noinline
func (s *service) descend(own owner, levels int) int {
	if levels == 0 {
		s.build(own)
		return 0
	}
	return s.descend(own, levels-1) + 1
}

// fromJSON has package encoding/json write to the map.
func (s *service) fromJSON(w http.ResponseWriter, r *http.Request) {
	var text strings.Builder
	text.WriteString("{")
	for i := 0; i < s.options.entries; i++ {
		fmt.Fprintf(&text, `"key-%d":%d,`, i, i)
	}
	text.WriteString(`"last":0}`)
	own, goid := ownerOf("json", r), groundtruth.GoroutineID()
	index := map[string]int{}
	watch := groundtruth.Start()
	err := json.Unmarshal([]byte(text.String()), &index)
	lap := watch.Stop()
	// All writes of that call are this request's, slow or not.
	s.slow.Add(own.write(goid, watch, lap, len(index)))
	if err != nil || len(index) != s.options.entries+1 {
		s.failed.Add(1)
	}
	fmt.Fprintln(w, "ok")
}

type task struct {
	own  owner
	done chan struct{}
}

// inWorker gives the work to one of the workers, which the first requests have started: a worker is no request's. Those
// that start one are served by the same goroutine as later requests of their connection, and wait like them.
func (s *service) inWorker(w http.ResponseWriter, r *http.Request) {
	given := task{own: ownerOf("worker", r), done: make(chan struct{})}
	s.hand(given, s.tasks)
	fmt.Fprintln(w, "ok")
}

func (s *service) hand(given task, tasks chan task) {
	select {
	case tasks <- given:
	default:
		go s.work(tasks)
		tasks <- given
	}
	<-given.done
}

func (s *service) work(tasks <-chan task) {
	for given := range tasks {
		s.build(given.own.unlinked())
		close(given.done)
	}
}

// outlives builds the map when the answer is long sent, in a goroutine that has the request.
func (s *service) outlives(w http.ResponseWriter, r *http.Request) {
	go func() {
		s.build(ownerOf("outlives", r).unlinked())
		_ = r.Header
	}()
	fmt.Fprintln(w, "ok")
}

// owner is the request that a map write belongs to. What it does not have to be linked to is empty.
type owner struct{ shape, trace, span string }

// ownerOf reads what the service itself knows: one header, and no more than one.
func ownerOf(shape string, r *http.Request) owner {
	values := r.Header.Values("traceparent")
	if len(values) != 1 {
		return owner{shape: shape}
	}
	parts := strings.Split(values[0], "-")
	return owner{shape: shape, trace: parts[1], span: parts[2]}
}

// unlinked is of a goroutine that nothing leads from to the request.
func (own owner) unlinked() owner { return owner{shape: own.shape} }

// record is wide, so that a table's growth takes well over the threshold.
type record struct{ fields [12]uint64 }

// build grows a map from nothing, timing each write.
//
//go:noinline
func (s *service) build(own owner) {
	goid, threshold, index := groundtruth.GoroutineID(), s.slow.Threshold(), map[string]record{}
	for i := 0; i < s.options.entries; i++ {
		key, value := "record-"+strconv.Itoa(i), record{[12]uint64{uint64(i)}}
		watch := groundtruth.Start()
		index[key] = value
		lap := watch.Stop()
		if lap.Nano < threshold {
			continue
		}
		if lap.Exact() >= threshold {
			s.slow.Add(own.write(goid, watch, lap, len(index)))
		}
	}
	s.writes.Add(uint64(len(index)))
}

func (own owner) write(goid uint64, watch groundtruth.Stopwatch, lap groundtruth.Lap, length int) groundtruth.Write {
	return groundtruth.Write{
		Kind: "write", Goid: goid, StartNano: watch.BeginNano, DurationNano: lap.Exact(), ClockNano: lap.Clock(),
		Function: "main.(*service).build", MapType: "map[string]main.record", MapLen: length,
		Shape: own.shape, TraceID: own.trace, SpanID: own.span, HasContext: own.trace != "",
	}
}
