package main

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"slowmap.test/groundtruth"
)

type service struct {
	options    options
	slow       *groundtruth.Shared
	writes     atomic.Uint64
	requests   atomic.Int64
	failed     atomic.Int64
	mismatches atomic.Int64
	pools      pools
	// Goroutines that go on when their request is over.
	outliving sync.WaitGroup
}

func newService(o options) *service {
	s := &service{options: o, slow: groundtruth.NewShared(o.threshold.Nanoseconds(), 8*o.requests+1<<12)}
	s.pools.start(s)
	return s
}

// owner is the span that a map write runs under. It is on the heap, so that the span is not on the writer's stack because
// of it.
type owner struct {
	shape string
	// nil: none.
	span trace.Span
}

// under is for writes within the innermost span of a context.
//
//go:noinline
func under(ctx context.Context, framework, shape string) *owner {
	return &owner{shape: framework + "/" + shape, span: trace.SpanFromContext(ctx)}
}

// spanned is for writes within a span.
//
//go:noinline
func spanned(span trace.Span, framework, shape string) *owner {
	return &owner{shape: framework + "/" + shape, span: span}
}

// bare is for writes outside of all spans.
//
//go:noinline
func bare(framework, shape string) *owner { return &owner{shape: framework + "/" + shape} }

// isOpen tells of a sampled span whether it has ended. It is no part of build, whose frame must not hold the span.
//
//go:noinline
func (own *owner) isOpen() bool { return own.span != nil && own.span.IsRecording() }

// record is wide, so that a table's growth takes well over the threshold.
type record struct{ fields [12]uint64 }

// build grows a map from nothing, timing each write, and checks what it holds.
//
//go:noinline
func (s *service) build(own *owner) {
	goid, threshold, index := groundtruth.GoroutineID(), s.slow.Threshold(), map[string]record{}
	wasOpen := own.isOpen()
	for i := 0; i < s.options.entries; i++ {
		key, value := "record-"+strconv.Itoa(i), record{[12]uint64{uint64(i)}}
		watch := groundtruth.Start()
		index[key] = value
		lap := watch.Stop()
		if lap.Nano < threshold {
			continue
		}
		if lap.Exact() >= threshold {
			isOpen := own.isOpen()
			s.slow.Add(own.write(wasOpen, isOpen, goid, watch, lap, len(index)))
			wasOpen = isOpen
		}
	}
	s.writes.Add(uint64(s.options.entries))
	s.check(index)
}

// write is what is logged. A span that ended at some time during the write, or since the slow write before, leaves it open
// which of both is right: kind "boundary".
//
//go:noinline
func (own *owner) write(
	wasOpen, isOpen bool, goid uint64, watch groundtruth.Stopwatch, lap groundtruth.Lap, length int,
) groundtruth.Write {
	write := groundtruth.Write{
		Kind: "write", Goid: goid, StartNano: watch.BeginNano, DurationNano: lap.Exact(), ClockNano: lap.Clock(),
		Function: "main.(*service).build", MapType: "map[string]main.record", MapLen: length, Shape: own.shape,
	}
	if own.span == nil {
		return write
	}
	context := own.span.SpanContext()
	// An unsampled span does not say when it ends.
	if isOpen || wasOpen || !context.IsSampled() {
		write.TraceID, write.SpanID = context.TraceID().String(), context.SpanID().String()
		write.Sampled, write.HasContext = context.IsSampled(), true
	}
	if isOpen != wasOpen {
		write.Kind = "boundary"
	}
	return write
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

// buildUnder keeps its context alive until the map is built, as a function that makes calls with it does.
//
//go:noinline
func (s *service) buildUnder(ctx context.Context, framework, shape string) {
	s.build(under(ctx, framework, shape))
	trace.SpanFromContext(ctx).AddEvent("built")
}
