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

// sample is what one request came to.
type sample struct {
	Length  time.Duration `json:"length"`  // of the request's span
	Self    time.Duration `json:"self"`    // its self time, as package gap finds it
	CPU     time.Duration `json:"cpu"`     // of the handler's thread, outside of the library's calls
	Elapsed time.Duration `json:"elapsed"` // on the clock on the wall, outside of the library's calls
	Library time.Duration `json:"library"` // in calls that never waited
	Inside  time.Duration `json:"inside"`  // CPU of the handler's thread in calls that waited: the library's, and the wrapper's
	Queued  time.Duration `json:"queued"`  // of Elapsed: ready to work, while others had the CPUs
	Spans   int           `json:"spans"`
}

// err is by how much the gaps are wrong, as a part of the request: above zero, a wait looks like work; below, work is
// hidden. What the gaps should hold is the time in which the handler was not waiting for a call.
func (s sample) err() float64 { return s.part(s.Self - s.Elapsed - s.Library) }

// lost is what of that time the handler was kept from working: others had the CPU, or Go's scheduler or its collector. No
// wrapper can know of it.
func (s sample) lost() float64 { return s.part(s.Elapsed - s.CPU) }

func (s sample) part(d time.Duration) float64 { return float64(d) / float64(s.Length) }

// measurement is one request under measurement.
type measurement struct {
	recorder peer.Recorder
	sample   sample
	untold   bool // the system has no clock for a thread
}

// request is a request whose span is the tracer's own, as a program's main job has one.
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

// handler measures the work of a request that has a span already.
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
	m.untold = !ok
}

var errNoClock = errors.New("this system does not tell the CPU time of a thread: fidelity is measured on Linux")

// measure runs one request of a scenario with one peer.
func measure(s scenario, on *stage, p peer.Peer, plan schedule) (sample, error) {
	recorder := p.Open(true, on.exporter)
	defer recorder.Close()
	request, done, err := s.open(on, p, plan)
	if err != nil {
		return sample{}, err
	}
	recorder.Spans() // those of the first connections

	// What other requests have left is not for this one to collect.
	runtime.GC()
	if s.collector {
		defer debug.SetGCPercent(debug.SetGCPercent(100))
	}
	m := &measurement{recorder: recorder}
	err = request(m)
	done()
	if m.untold {
		err = errNoClock
	}
	if err != nil {
		return sample{}, err
	}
	err = m.gaps(finished(recorder))
	return m.sample, err
}

// finished returns the spans of a request. Some peers finish a stream's in a goroutine of its own: these are waited for,
// and as long as spans come whose parents are missing, for a while.
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

// gaps fills in what the spans of the request say. What is of other traces, such as that of who holds the pool's connection, is
// left out.
func (m *measurement) gaps(spans []gap.Span) error {
	var root *gap.Span
	for i := range spans {
		s := &spans[i]
		if len(s.References) == 0 && (s.Operation == requestName || root == nil && kind(s) == "server") {
			root = s
		}
	}
	if root == nil {
		return fmt.Errorf("no span of the request among %d", len(spans))
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
