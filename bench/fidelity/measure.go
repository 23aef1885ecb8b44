package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/worktime"
)

// sample is the measurement of one request.
type sample struct {
	Length  time.Duration `json:"length"`  // of the request's span
	Self    time.Duration `json:"self"`    // its self time, as package gap finds it
	CPU     time.Duration `json:"cpu"`     // of the handler's thread, outside of calls
	Elapsed time.Duration `json:"elapsed"` // wall time outside of calls
	Library time.Duration `json:"library"` // wall time of calls that never waited
	Inside  time.Duration `json:"inside"`  // CPU of the handler's thread in calls that waited, of library and wrapper
	Queued  time.Duration `json:"queued"`  // part of Elapsed: ready to run while others had the CPUs
	Spans   int           `json:"spans"`
}

// err returns the error of the gaps, relative to the length of the request. Above zero, a wait
// looks like work; below zero, work is hidden. The true self time is the time in which the handler
// did not wait for a call.
func (s sample) err() float64 { return s.part(s.Self - s.Elapsed - s.Library) }

// lost returns the part of the true self time in which the handler had no CPU: others had it, or
// Go's scheduler or collector. No wrapper can see that.
func (s sample) lost() float64 { return s.part(s.Elapsed - s.CPU) }

func (s sample) part(d time.Duration) float64 { return float64(d) / float64(s.Length) }

// measurement measures one request.
type measurement struct {
	recorder peer.Recorder
	sample   sample
	noClock  bool // the system has no clock for a thread
}

// request measures a request whose span it starts with the tracer, as a program does for a job that
// no wrapped server calls.
func (m *measurement) request(ctx context.Context, handle func(context.Context, *worktime.Clock) error) error {
	clock := worktime.Start()
	ctx, finish := m.recorder.Span(ctx, requestName)
	clock.Reset()
	err := handle(ctx, clock)
	clock.Pause()
	finish()
	m.stop(clock)
	return err
}

const requestName = "request"

// handler measures a request whose span the peer starts: that of a wrapped server.
func (m *measurement) handler(handle func(*worktime.Clock) error) error {
	clock := worktime.Start()
	err := handle(clock)
	m.stop(clock)
	return err
}

func (m *measurement) stop(clock *worktime.Clock) {
	cpu, ok := clock.Stop()
	m.sample = sample{
		CPU: cpu, Elapsed: clock.Elapsed(), Library: clock.Library(), Inside: clock.Inside(), Queued: clock.Queued(),
	}
	m.noClock = !ok
}

var errNoClock = errors.New("this system has no CPU clock for a thread: run fidelity on Linux")

// measure measures one request of a scenario with one peer.
func measure(s scenario, on *stage, p peer.Peer, plan schedule) (sample, error) {
	recorder := p.Open(true, on.exporter)
	defer recorder.Close()
	request, done, err := s.open(on, p, plan)
	if err != nil {
		return sample{}, err
	}
	recorder.Spans() // drop the spans of connecting

	runtime.GC() // the garbage of other requests
	if s.collector {
		defer debug.SetGCPercent(debug.SetGCPercent(100))
	}
	m := &measurement{recorder: recorder}
	err = request(m)
	done()
	if m.noClock {
		err = errNoClock
	}
	if err != nil {
		return sample{}, err
	}
	err = m.gaps(finished(recorder))
	return m.sample, err
}

// finished returns the spans of a request. Some peers finish the span of a stream in another
// goroutine, so it waits up to 0.2 s if a parent is missing.
func finished(recorder peer.Recorder) (spans []gap.Span) {
	for range 100 {
		time.Sleep(2 * time.Millisecond)
		spans = append(spans, recorder.Spans()...)
		if _, warnings := gap.Build(spans); len(warnings) == 0 {
			break
		}
	}
	return spans
}

// gaps computes the self time from the spans of the request. It ignores other traces, such as that
// of another user of the pool.
func (m *measurement) gaps(spans []gap.Span) error {
	var root *gap.Span
	for i := range spans {
		s := &spans[i]
		if len(s.References) == 0 && (s.Operation == requestName || root == nil && kind(s) == "server") {
			root = s
		}
	}
	if root == nil {
		return fmt.Errorf("no span of the request among %d spans", len(spans))
	}
	var trace []gap.Span
	for _, s := range spans {
		if s.TraceID == root.TraceID {
			trace = append(trace, s)
		}
	}
	built, _ := gap.Build(trace)
	for node := range built.Roots() {
		if node.Span().SpanID == root.SpanID {
			m.sample.Self, m.sample.Length, m.sample.Spans = node.SelfTime(), node.Duration(), node.Descendants()
			return nil
		}
	}
	return errors.New("the span of the request is not a root")
}

func kind(s *gap.Span) any {
	for _, tag := range s.Tags {
		if tag.Key == "span.kind" {
			return tag.Value
		}
	}
	return nil
}
