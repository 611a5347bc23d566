package main

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
)

// shape is the way in which a handler works, the same behind each framework. It gets the context that the framework has
// put its span into.
type shape struct {
	name   string
	handle func(s *service, ctx context.Context, framework string)
}

var shapes = []shape{
	{"handler", (*service).inHandler},
	{"nested", (*service).nested},
	{"siblings", (*service).siblings},
	{"deep", (*service).deep},
	{"derived", (*service).derived},
	{"by-value", (*service).byValue},
	{"new-root", (*service).newRoot},
	{"errgroup", (*service).errgroup},
	{"handed-on", (*service).handedOn},
	{"without-cancel", (*service).withoutCancel},
	{"outlives", (*service).outlives},
	{"pool", (*service).inPool},
	{"pool-mixed", (*service).inMixedPool},
	{"pool-bare", (*service).inBarePool},
	{"dispatched", (*service).dispatched},
	{"batch", (*service).inBatch},
}

// inHandler writes in a function that is not given the context: the only open span is the framework's.
func (s *service) inHandler(ctx context.Context, framework string) {
	s.build(under(ctx, framework, "handler"))
}

// nested writes under a span of its own, after a sibling that has ended, and once more when its own has ended, too.
func (s *service) nested(ctx context.Context, framework string) {
	_, before := tracer.Start(ctx, "authorize")
	before.End()
	inner, span := tracer.Start(ctx, "build index")
	s.buildUnder(inner, framework, "nested")
	span.End()
	s.buildUnder(ctx, framework, "nested")
}

// siblings writes in the second of two functions that each have a span.
func (s *service) siblings(ctx context.Context, framework string) {
	s.load(ctx)
	s.index(ctx, framework)
}

//go:noinline
func (s *service) load(ctx context.Context) {
	_, span := tracer.Start(ctx, "load")
	defer span.End()
}

//go:noinline
func (s *service) index(ctx context.Context, framework string) {
	_, span := tracer.Start(ctx, "index")
	defer span.End()
	s.build(spanned(span, framework, "siblings"))
	span.SetAttributes(attribute.Int("entries", s.options.entries), attribute.String("kind", "record"),
		attribute.Int("clients", s.options.clients), attribute.String("shape", "siblings"))
}

// deep has spans within spans, on a stack that has to grow for them, and writes at the bottom and on the way up.
func (s *service) deep(ctx context.Context, framework string) { s.descend(ctx, framework, 5) }

//go:noinline
func (s *service) descend(ctx context.Context, framework string, levels int) int {
	var room [40]uint64
	ctx, span := tracer.Start(ctx, "level")
	defer span.End()
	if levels > 0 {
		room[levels] = uint64(s.descend(ctx, framework, levels-1))
	}
	if levels%3 == 0 {
		s.build(spanned(span, framework, "deep"))
	}
	return int(room[levels]) + 1
}

type key int

// derived writes with a context that is many steps away from the one that has the span.
func (s *service) derived(ctx context.Context, framework string) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for i := 0; i < 6; i++ {
		ctx = context.WithValue(ctx, key(i), i)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.buildUnder(ctx, framework, "derived")
}

// job carries its span by value.
type job struct {
	span  trace.Span
	name  string
	parts [3]int
}

func (s *service) byValue(ctx context.Context, framework string) {
	_, span := tracer.Start(ctx, "job")
	s.run(job{span: span, name: framework, parts: [3]int{1, 2, 3}})
}

//go:noinline
func (s *service) run(j job) {
	s.build(spanned(j.span, j.name, "by-value"))
	j.span.SetAttributes(attribute.Int("part", j.parts[1]))
	j.span.End()
}

// newRoot begins another trace within the request's: the innermost span is of that.
func (s *service) newRoot(ctx context.Context, framework string) {
	inner, span := tracer.Start(ctx, "rebuild", trace.WithNewRoot())
	s.buildUnder(inner, framework, "new-root")
	span.End()
	s.buildUnder(ctx, framework, "new-root")
}

// errgroup starts goroutines that have spans of their own, and one that only has the request's context.
func (s *service) errgroup(ctx context.Context, framework string) {
	group, shared := errgroup.WithContext(ctx)
	for i := 0; i < 2; i++ {
		group.Go(func() error {
			ctx, span := tracer.Start(shared, "part")
			defer span.End()
			s.build(under(ctx, framework, "errgroup"))
			return nil
		})
	}
	group.Go(func() error {
		s.build(under(shared, framework, "errgroup"))
		return shared.Err()
	})
	_ = group.Wait()
}

// handedOn begins a span that another goroutine ends, and meanwhile writes under the request's.
func (s *service) handedOn(ctx context.Context, framework string) {
	var group sync.WaitGroup
	group.Add(1)
	inner, _ := tracer.Start(ctx, "handed on")
	go s.work(inner, framework, &group)
	s.buildUnder(ctx, framework, "handed-on")
	group.Wait()
}

//go:noinline
func (s *service) work(ctx context.Context, framework string, group *sync.WaitGroup) {
	defer group.Done()
	span := trace.SpanFromContext(ctx)
	defer span.End()
	s.build(under(ctx, framework, "worker-of-handed-on"))
}
