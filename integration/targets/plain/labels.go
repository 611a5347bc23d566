package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	mathrand "math/rand"
	"net/http"
	"runtime/pprof"
	"strconv"
)

// newIDs are of a span of the service's own: in the trace of the request if it has one, else in a new one.
func (own owner) newIDs() owner {
	var ids [24]byte
	for at := 0; at < len(ids); at += 8 {
		binary.LittleEndian.PutUint64(ids[at:], mathrand.Uint64()|1)
	}
	if own.trace == "" {
		own.trace = hex.EncodeToString(ids[:16])
	}
	own.span = hex.EncodeToString(ids[16:])
	return own
}

// labelled is within a call that sets the labels, beside others.
func (s *service) labelled(w http.ResponseWriter, r *http.Request) {
	own := ownerOf("labelled", r).newIDs()
	labels := pprof.Labels("handler", "labelled", "trace_id", own.trace, "span_id", own.span, "z", "last")
	pprof.Do(r.Context(), labels, func(context.Context) { s.build(own) })
	fmt.Fprintln(w, "ok")
}

// labelledAsDatadog has the span as a decimal number.
func (s *service) labelledAsDatadog(w http.ResponseWriter, r *http.Request) {
	own := ownerOf("datadog", r).newIDs()
	number, err := strconv.ParseUint(own.span, 16, 64)
	if err != nil {
		s.failed.Add(1)
	}
	labels := pprof.Labels("trace id", own.trace, "span id", strconv.FormatUint(number, 10))
	pprof.Do(r.Context(), labels, func(context.Context) { s.build(own) })
	fmt.Fprintln(w, "ok")
}

// setLabels sets labels itself, as wrappers of tracers do. They are known to be of now where the request says so, too.
func (s *service) setLabels(w http.ResponseWriter, r *http.Request) {
	own := ownerOf("set", r)
	labelled := own.newIDs()
	if own.trace != "" {
		own = labelled
	}
	labels := pprof.Labels("trace_id", labelled.trace, "span_id", labelled.span)
	pprof.SetGoroutineLabels(pprof.WithLabels(r.Context(), labels))
	s.build(own)
	pprof.SetGoroutineLabels(r.Context())
	fmt.Fprintln(w, "ok")
}

// leaveLabels builds a map under the labels of whatever request was here before, and leaves its own behind.
func (s *service) leaveLabels(w http.ResponseWriter, r *http.Request) {
	own := ownerOf("stale", r)
	s.build(own)
	labelled := own.newIDs()
	labels := pprof.Labels("trace_id", labelled.trace, "span_id", labelled.span)
	pprof.SetGoroutineLabels(pprof.WithLabels(r.Context(), labels))
	fmt.Fprintln(w, "ok")
}

// inLabelledWorker has workers that are started under the labels of a request, and so have them for ever.
func (s *service) inLabelledWorker(w http.ResponseWriter, r *http.Request) {
	own := ownerOf("labelled-worker", r).newIDs()
	labels := pprof.Labels("trace_id", own.trace, "span_id", own.span)
	pprof.Do(r.Context(), labels, func(context.Context) {
		s.hand(task{own: own, done: make(chan struct{})}, s.forLabelled)
	})
	fmt.Fprintln(w, "ok")
}
