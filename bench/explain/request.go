package main

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// request is one request with its truth. Only the goroutine that handles it uses the truth.
type request struct {
	truth

	tracer  opentracing.Tracer
	name    string
	random  *rand.Rand
	longest time.Duration
	span    opentracing.Span
	holders []gap.SpanID // the spans that hold locks for which this request waits
	client  func() error // makes a call of a wrapped client; nil for a span without a client
	after   []func()     // run after the span is finished, the last one first

	background sync.WaitGroup // work of the request that outlives it
}

// start starts the span of the request.
func (r *request) start() { r.span = r.tracer.StartSpan(r.name, ext.SpanKindRPCServer) }

// finish finishes the span.
func (r *request) finish() { r.span.Finish() }

// done waits for what the request has left behind.
func (r *request) done() {
	r.background.Wait()
	for i := range r.after {
		r.after[len(r.after)-1-i]()
	}
}

// id returns the id of the request's span.
func (r *request) id() gap.SpanID { return spanID(r.span) }

func spanID(s opentracing.Span) gap.SpanID {
	return gap.SpanID(s.Context().(jaeger.SpanContext).SpanID())
}

// shortest is the least duration of what a request does.
const shortest = 2 * time.Millisecond

// duration returns a random duration, log-uniform from 2 ms to the longest.
func (r *request) duration() time.Duration { return between(r.random, shortest, r.longest) }

func between(random *rand.Rand, low, high time.Duration) time.Duration {
	return time.Duration(float64(low) * math.Pow(float64(high)/float64(low), random.Float64()))
}

// call is a call of a wrapped client: it has a span, so its time is in no gap.
func (r *request) call() error {
	if r.client != nil {
		return r.client()
	}
	span := r.tracer.StartSpan("call", opentracing.ChildOf(r.span.Context()), ext.SpanKindRPCClient)
	time.Sleep(between(r.random, time.Millisecond, 3*time.Millisecond))
	span.Finish()
	return nil
}

// handle is the handler of most scenarios. It has two gaps, with a call between them. In each gap
// it uses CPU time, and does what the scenario is about.
//
//	handler  |--burn--op--........--op--burn--|
//	call                 |--------|
//	gaps     [-----------]        [-----------]
func (r *request) handle(op func(*request, time.Duration) error) error {
	for i := range 2 {
		if i > 0 {
			if err := r.call(); err != nil {
				return err
			}
		}
		before := r.random.IntN(2) == 0
		if before {
			r.burn(r.duration())
		}
		if err := op(r, r.duration()); err != nil {
			return err
		}
		if !before {
			r.burn(r.duration())
		}
	}
	return nil
}
