package main

import (
	"context"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// stopwatch measures a caller's waits for the rest of an answer. Nothing can tell such a wait from
// work without a reading of the clock before and after it, so a call by hand with a stopwatch is
// the least that a wrapper costs which records waits. A nil stopwatch measures nothing.
type stopwatch struct {
	opened  time.Time
	entered time.Duration
	waited  time.Duration
	waits   int
}

func (s *stopwatch) enter() {
	if s != nil {
		s.entered = time.Since(s.opened)
	}
}

func (s *stopwatch) leave() {
	if s != nil {
		s.waited += time.Since(s.opened) - s.entered
		s.waits++
	}
}

type stopwatchKey struct{}

// withStopwatch returns a context with a stopwatch, if span is sampled.
func withStopwatch(ctx context.Context, span opentracing.Span) context.Context {
	if !span.(*jaeger.Span).SpanContext().IsSampled() {
		return ctx
	}
	return context.WithValue(ctx, stopwatchKey{}, &stopwatch{opened: time.Now()})
}

func untimed(ctx context.Context, _ opentracing.Span) context.Context { return ctx }

func stopwatchIn(ctx context.Context) *stopwatch {
	s, _ := ctx.Value(stopwatchKey{}).(*stopwatch)
	return s
}
