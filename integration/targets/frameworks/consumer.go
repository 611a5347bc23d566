package main

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// message is one of a queue's, with its trace in its headers.
type message struct {
	headers propagation.MapCarrier
	shape   shape
	done    chan struct{}
}

type broker struct{ queue chan message }

func (b *broker) stop() { close(b.queue) }

const consumers = 16

func (s *service) startConsumers() *broker {
	broker := &broker{queue: make(chan message, consumers)}
	for i := 0; i < consumers; i++ {
		go s.consume(broker)
	}
	return broker
}

// consume handles one message after the other in one goroutine, and between two of them writes under no span.
func (s *service) consume(broker *broker) {
	for next := range broker.queue {
		s.handleMessage(next)
		s.build(bare("consumer", "between"))
		close(next.done)
	}
}

//go:noinline
func (s *service) handleMessage(next message) {
	ctx := otel.GetTextMapPropagator().Extract(context.Background(), next.headers)
	ctx, span := tracer.Start(ctx, "process")
	defer span.End()
	next.shape.handle(s, ctx, "consumer")
}

// publish has a span that is a message's parent, as a producer elsewhere would, and waits for the message to be handled.
func (b *broker) publish(shape shape) {
	ctx, span := tracer.Start(context.Background(), "publish")
	next := message{headers: propagation.MapCarrier{}, shape: shape, done: make(chan struct{})}
	otel.GetTextMapPropagator().Inject(ctx, next.headers)
	span.End()
	b.queue <- next
	<-next.done
}
