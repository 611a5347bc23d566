package main

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// withoutCancel goes on after the request: under a span of its own, then outside of all.
func (s *service) withoutCancel(ctx context.Context, framework string) {
	s.outliving.Add(1)
	go s.audit(context.WithoutCancel(ctx), framework)
}

//go:noinline
func (s *service) audit(ctx context.Context, framework string) {
	defer s.outliving.Done()
	time.Sleep(time.Millisecond)
	inner, span := tracer.Start(ctx, "audit")
	s.buildUnder(inner, framework, "without-cancel")
	span.End()
	s.buildUnder(ctx, framework, "without-cancel")
}

// outlives has the request's context and no span of its own, while the request runs and when it is over.
func (s *service) outlives(ctx context.Context, framework string) {
	s.outliving.Add(1)
	go func() {
		defer s.outliving.Done()
		s.buildUnder(ctx, framework, "outlives")
		time.Sleep(5 * time.Millisecond)
		s.buildUnder(ctx, framework, "outlives")
	}()
}

// task is what a handler gives to a worker.
type task struct {
	ctx       context.Context
	framework string
	span      trace.Span
	done      chan struct{}
}

const (
	workers   = 8
	batchSize = 4
)

// pools of workers, which serve all requests and were started for none.
type pools struct {
	tasks, mixed, bare, batched, handed chan task
	dispatched                          chan task
}

func (p *pools) start(s *service) {
	p.tasks, p.mixed, p.bare = make(chan task), make(chan task), make(chan task)
	p.batched, p.dispatched, p.handed = make(chan task, batchSize), make(chan task), make(chan task, workers)
	for i := 0; i < workers; i++ {
		go s.serveTasks()
		go s.serveMixed()
		go s.serveBare()
		go s.serveBatches()
		go s.dispatch()
		go s.serveDispatched()
	}
}

func give(tasks chan<- task, ctx context.Context, framework string) {
	given := task{ctx: ctx, framework: framework, done: make(chan struct{})}
	tasks <- given
	<-given.done
}

// inPool has a worker build under a span of its own, and under the request's.
func (s *service) inPool(ctx context.Context, framework string) { give(s.pools.tasks, ctx, framework) }

func (s *service) serveTasks() {
	for given := range s.pools.tasks {
		ctx, span := tracer.Start(given.ctx, "task")
		s.buildUnder(ctx, given.framework, "pool")
		span.End()
		s.buildUnder(given.ctx, given.framework, "pool")
		close(given.done)
	}
}

// inMixedPool has workers build some tasks under the task's span, which goes on, and others under none.
func (s *service) inMixedPool(ctx context.Context, framework string) {
	give(s.pools.mixed, ctx, framework)
	give(s.pools.mixed, nil, framework)
	time.Sleep(time.Millisecond)
}

func (s *service) serveMixed() {
	for given := range s.pools.mixed {
		if given.ctx != nil {
			s.buildUnder(given.ctx, given.framework, "pool-mixed")
		} else {
			s.build(bare(given.framework, "pool-mixed"))
		}
		close(given.done)
	}
}

// inBarePool has a worker build that is given nothing of the request.
func (s *service) inBarePool(_ context.Context, framework string) { give(s.pools.bare, nil, framework) }

func (s *service) serveBare() {
	for given := range s.pools.bare {
		s.build(bare(given.framework, "pool-bare"))
		close(given.done)
	}
}

// dispatched goes to a loop that begins a span for each task, which another goroutine ends, and then writes itself: under
// no span.
func (s *service) dispatched(ctx context.Context, framework string) {
	give(s.pools.dispatched, ctx, framework)
}

func (s *service) dispatch() {
	for given := range s.pools.dispatched {
		given.ctx, given.span = tracer.Start(given.ctx, "dispatched")
		framework := given.framework
		s.pools.handed <- given
		s.build(bare(framework, "dispatcher"))
	}
}

func (s *service) serveDispatched() {
	for given := range s.pools.handed {
		s.buildUnder(given.ctx, given.framework, "dispatched")
		given.span.End()
		close(given.done)
	}
}

// inBatch has a worker do the work of some requests at once, under a span that is linked to all of theirs.
func (s *service) inBatch(ctx context.Context, framework string) {
	give(s.pools.batched, ctx, framework)
}

func (s *service) serveBatches() {
	for first := range s.pools.batched {
		batch := []task{first}
		for len(batch) < batchSize {
			select {
			case next := <-s.pools.batched:
				batch = append(batch, next)
				continue
			default:
			}
			break
		}
		s.buildBatch(batch)
	}
}

func (s *service) buildBatch(batch []task) {
	var links []trace.Link
	for _, given := range batch {
		links = append(links, trace.LinkFromContext(given.ctx))
	}
	_, span := tracer.Start(context.Background(), "batch", trace.WithLinks(links...))
	s.build(spanned(span, batch[0].framework, "batch"))
	span.End()
	for _, given := range batch {
		close(given.done)
	}
}
