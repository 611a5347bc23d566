package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"slowmap.test/groundtruth"
)

var tracer = otel.Tracer("slowmap.test/correlate")

// Slow writes that the service has room for.
const logRoom = 1 << 17

type service struct {
	options    options
	slow       *groundtruth.Shared
	writes     atomic.Uint64
	requests   atomic.Int64
	failed     atomic.Int64
	mismatches atomic.Int64
}

func newService(o options) *service {
	return &service{options: o, slow: groundtruth.NewShared(o.threshold.Nanoseconds(), logRoom)}
}

var shapes = []string{"nested", "middleware", "goroutine-ctx", "goroutine-bare"}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/nested", s.nested)
	mux.HandleFunc("/middleware", s.middleware)
	mux.HandleFunc("/goroutine-ctx", s.goroutineWithContext)
	mux.HandleFunc("/goroutine-bare", s.goroutineWithoutContext)
	return mux
}

// nested writes under a span of its own, after a sibling that has ended: the ended one is still on the stack.
func (s *service) nested(w http.ResponseWriter, r *http.Request) {
	_, before := tracer.Start(r.Context(), "authorize")
	before.End()
	ctx, span := tracer.Start(r.Context(), "build index")
	s.buildUnder(ctx, "nested")
	span.End()
	respond(w)
}

// buildUnder keeps its context alive until the map is built, as a function that makes calls with it does.
//
//go:noinline
func (s *service) buildUnder(ctx context.Context, shape string) {
	s.build(owner{shape: shape, span: trace.SpanContextFromContext(ctx), hasContext: true})
	trace.SpanFromContext(ctx).AddEvent("built")
}

// middleware writes in a function that is not given the context; the only open span is otelhttp's.
func (s *service) middleware(w http.ResponseWriter, r *http.Request) {
	s.build(owner{shape: "middleware", span: trace.SpanContextFromContext(r.Context()), hasContext: true})
	respond(w)
}

// goroutineWithContext writes in another goroutine, which opens a span of its own.
func (s *service) goroutineWithContext(w http.ResponseWriter, r *http.Request) {
	done := make(chan struct{})
	go s.spanned(r.Context(), done)
	<-done
	respond(w)
}

//go:noinline
func (s *service) spanned(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	ctx, span := tracer.Start(ctx, "build in background")
	defer span.End()
	s.buildUnder(ctx, "goroutine-ctx")
}

// goroutineWithoutContext writes in another goroutine that has nothing of the request.
func (s *service) goroutineWithoutContext(w http.ResponseWriter, r *http.Request) {
	done := make(chan struct{})
	ids := owner{shape: "goroutine-bare", span: trace.SpanContextFromContext(r.Context())}
	go s.bare(ids, done)
	<-done
	respond(w)
}

//go:noinline
func (s *service) bare(ids owner, done chan<- struct{}) {
	defer close(done)
	s.build(ids)
}

// owner is the span that a map write belongs to.
type owner struct {
	shape      string
	span       trace.SpanContext
	hasContext bool
}

// record is wide, so that a table's growth takes well over the threshold.
type record struct{ fields [12]uint64 }

// build grows a map from nothing, timing each write, and checks what it holds.
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
		if took := lap.Exact(); took >= threshold {
			s.slow.Add(own.write(goid, watch.BeginNano, took, len(index)))
		}
	}
	s.writes.Add(uint64(s.options.entries))
	s.check(index)
}

func (own owner) write(goid uint64, begin, took int64, length int) groundtruth.Write {
	return groundtruth.Write{
		Kind: "write", Goid: goid, StartNano: begin, DurationNano: took,
		Function: "main.(*service).build", MapType: "map[string]main.record", MapLen: length,
		Shape: own.shape, TraceID: own.span.TraceID().String(), SpanID: own.span.SpanID().String(),
		HasContext: own.hasContext,
	}
}

func (s *service) check(index map[string]record) {
	sum, want := 0, s.options.entries*(s.options.entries-1)/2
	for _, value := range index {
		sum += int(value.fields[0])
	}
	if len(index) != s.options.entries || sum != want {
		s.mismatches.Add(1)
	}
}

func respond(w http.ResponseWriter) { fmt.Fprintln(w, "ok") }
