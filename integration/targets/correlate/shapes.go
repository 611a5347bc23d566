package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
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

var shapes = []string{"nested", "siblings", "middleware", "goroutine-ctx", "goroutine-bare"}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/nested", s.nested)
	mux.HandleFunc("/siblings", s.siblings)
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

// siblings writes in the second of two functions that each have a span. Where the second's frame has room for what it
// does after the write, the first has left things of its own there: among them the request's context, as it gave it to
// Start. The request's span is open, but it is not the innermost.
func (s *service) siblings(w http.ResponseWriter, r *http.Request) {
	s.load(r.Context())
	s.index(r.Context())
	respond(w)
}

//go:noinline
func (s *service) load(ctx context.Context) {
	_, span := tracer.Start(ctx, "load")
	defer span.End()
}

//go:noinline
func (s *service) index(ctx context.Context) {
	_, span := tracer.Start(ctx, "index")
	defer span.End()
	s.build(owner{shape: "siblings", span: span.SpanContext(), hasContext: true})
	span.SetAttributes(attribute.Int("entries", s.options.entries), attribute.String("kind", "record"),
		attribute.Int("clients", s.options.clients), attribute.String("shape", "siblings"))
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
		if lap.Exact() >= threshold {
			s.slow.Add(own.write(goid, watch, lap, len(index)))
		}
	}
	s.writes.Add(uint64(s.options.entries))
	s.check(index)
}

func (own owner) write(goid uint64, watch groundtruth.Stopwatch, lap groundtruth.Lap, length int) groundtruth.Write {
	return groundtruth.Write{
		Kind: "write", Goid: goid, StartNano: watch.BeginNano, DurationNano: lap.Exact(), ClockNano: lap.Clock(),
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
