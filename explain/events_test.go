package explain

import (
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/gap/mark"
)

// script feeds a reader with events. Times are in milliseconds.
type script struct {
	t  *testing.T
	r  *reader
	ms float64 // now
}

// The goroutine whose span is explained has a thread and a P of its own.
const (
	worker    trace.GoID     = 7
	thread100 trace.ThreadID = 100
	proc0     trace.ProcID   = 0
)

var wallStart = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func ms(n float64) trace.Time { return trace.Time(n * float64(time.Millisecond)) }

func millis(n float64) time.Duration { return time.Duration(ms(n)) }

func emit[T trace.EventDetails](s *script, kind trace.EventKind, by trace.GoID, stack string, details T) {
	s.t.Helper()
	e, err := trace.MakeEvent(trace.EventConfig[T]{
		Time: ms(s.ms) + 1, // the reader of a trace makes all times positive
		Kind: kind, Goroutine: by, Proc: proc0, Thread: thread100, Stack: stackOf(stack), Details: details,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.r.event(&e)
}

func stackOf(functions string) trace.Stack {
	if functions == "" {
		return trace.NoStack
	}
	var frames []trace.StackFrame
	for f := range strings.FieldsSeq(functions) {
		frames = append(frames, trace.StackFrame{PC: uint64(len(frames) + 1), Func: f, File: "/src/shop.go", Line: 7})
	}
	return trace.MakeStack(frames)
}

// moves makes a goroutine change its state at a time.
func (s *script) moves(at float64, from, to trace.GoState, reason string) {
	s.t.Helper()
	s.ms = at
	t := trace.MakeGoStateTransition(worker, from, to)
	t.Reason = reason
	by := worker
	if from == trace.GoWaiting {
		by = trace.NoGoroutine // a timer, or the network
	}
	stack := ""
	if reason != "" {
		stack = "runtime.gopark main.work"
	}
	emit(s, trace.EventStateTransition, by, stack, t)
}

// waits makes the worker wait.
func (s *script) waits(from, to float64, reason string) {
	s.t.Helper()
	s.moves(from, trace.GoRunning, trace.GoWaiting, reason)
	s.moves(to, trace.GoWaiting, trace.GoRunnable, "")
	s.moves(to, trace.GoRunnable, trace.GoRunning, "")
}

func (s *script) proc(at float64, from, to trace.ProcState) {
	s.t.Helper()
	s.ms = at
	emit(s, trace.EventStateTransition, trace.NoGoroutine, "", trace.MakeProcStateTransition(proc0, from, to))
}

func (s *script) ranges(at float64, kind trace.EventKind, name string, scope trace.ResourceID) {
	s.t.Helper()
	s.ms = at
	emit(s, kind, worker, "", trace.Range{Name: name, Scope: scope})
}

func (s *script) log(at float64, category, message string) {
	s.t.Helper()
	s.ms = at
	emit(s, trace.EventLog, worker, "", trace.Log{Category: category, Message: message})
}

// clock writes a sample of the sampler: the thread has used cpu since the recording began.
func (s *script) clock(at, cpu, growth float64, more ...func(*cpuclock.Sample)) {
	s.t.Helper()
	sample := cpuclock.Sample{First: growth == 0, Threads: []cpuclock.Thread{
		{ID: int32(thread100), Clock: millis(cpu), Growth: millis(growth)},
	}}
	for _, f := range more {
		f(&sample)
	}
	s.log(at, cpuclock.Category, string(sample.Append(nil)))
}

func (s *script) sync(at float64, wall time.Time) {
	s.t.Helper()
	s.ms = at
	emit(s, trace.EventSync, trace.NoGoroutine, "", trace.Sync{N: 1, ClockSnapshot: &trace.ClockSnapshot{
		Trace: ms(at) + 1, Wall: wall,
	}})
}

// mark writes the mark of the span of the worker.
func (s *script) mark(at float64, m mark.Mark) {
	s.t.Helper()
	m.TraceID = gap.TraceID{Low: 1}
	s.log(at, mark.Category, string(m.Append(nil)))
}

// play starts the worker at 0, plays f, and finishes a span from 0 to 100.
func play(t *testing.T, f func(*script)) *Recording {
	t.Helper()
	s := &script{t: t, r: newReader(Options{})}
	s.sync(0, wallStart)
	s.proc(0, trace.ProcIdle, trace.ProcRunning)
	s.moves(0, trace.GoNotExist, trace.GoRunnable, "")
	s.moves(0, trace.GoRunnable, trace.GoRunning, "")
	f(s)
	s.mark(100, mark.Mark{SpanID: 1, Operation: "root", Start: wallStart, Duration: millis(100)})
	return s.r.finish()
}

// rootGaps returns the explained gaps of the span that play finishes.
func rootGaps(t *testing.T, r *Recording) (gaps []gap.Gap) {
	t.Helper()
	for _, spans := range r.Traces() {
		built, _ := gap.Build(spans)
		for g := range r.Explain(built).Gaps(0) {
			if g.Node.Span().Operation == "root" {
				gaps = append(gaps, g)
			}
		}
	}
	return gaps
}

func TestEvents(t *testing.T) {
	const assist, sweep, stw = "GC mark assist", "GC incremental sweep", "stop-the-world (GC sweep termination)"
	own := trace.MakeResourceID(worker)
	type want map[gap.Cause]float64 // milliseconds
	for name, test := range map[string]struct {
		play func(*script)
		want want
	}{
		"runs": {func(*script) {}, want{gap.CauseCPU: 100}},
		"assists": {func(s *script) {
			s.ranges(10, trace.EventRangeBegin, assist, own)
			s.ranges(30, trace.EventRangeEnd, assist, own)
		}, want{gap.CauseCPU: 80, gap.CauseGC: 20}},
		"is preempted while it assists": {func(s *script) {
			s.ranges(10, trace.EventRangeBegin, assist, own)
			s.moves(20, trace.GoRunning, trace.GoRunnable, "preempted")
			s.moves(30, trace.GoRunnable, trace.GoRunning, "")
			s.ranges(40, trace.EventRangeEnd, assist, own)
		}, want{gap.CauseCPU: 70, gap.CauseGC: 20, gap.CauseRunnable: 10}},
		"sweeps": {func(s *script) {
			s.ranges(10, trace.EventRangeBegin, sweep, trace.MakeResourceID(proc0))
			s.ranges(15, trace.EventRangeEnd, sweep, trace.MakeResourceID(proc0))
		}, want{gap.CauseCPU: 95, gap.CauseGC: 5}},
		"cannot run while the world is stopped": {func(s *script) {
			s.moves(10, trace.GoRunning, trace.GoRunnable, "preempted")
			s.ranges(20, trace.EventRangeBegin, stw, trace.MakeResourceID(trace.GoID(9)))
			s.ranges(30, trace.EventRangeEnd, stw, trace.MakeResourceID(trace.GoID(9)))
			s.moves(50, trace.GoRunnable, trace.GoRunning, "")
		}, want{gap.CauseCPU: 60, gap.CauseRunnable: 30, gap.CauseGC: 10}},
		"has its stack scanned": {func(s *script) { s.waits(10, 30, "preempted") }, want{gap.CauseCPU: 80, gap.CauseGC: 20}},
		"waits for the collector": {func(s *script) {
			s.waits(10, 30, "wait until GC ends")
		}, want{gap.CauseCPU: 80, gap.CauseGC: 20}},
		"waits for something new": {func(s *script) {
			s.waits(10, 30, "entanglement")
		}, want{gap.CauseCPU: 80, gap.CauseOther: 20}},
		"has a CPU for some of the time": {func(s *script) {
			s.clock(0, 5, 0)
			s.clock(50, 55, 50)
			s.clock(80, 61, 6)
			s.clock(100, 61, 0.001)
		}, want{gap.CauseCPU: 56, gap.CauseNoCPU: 44}},
		"has no CPU, and no sample names its thread": {func(s *script) {
			s.clock(0, 5, 0)
			s.clock(50, 55, 50)
			other := func(c *cpuclock.Sample) { c.Threads[0].ID, c.First = 101, false }
			s.clock(70, 1, 0, other)
			s.clock(100, 2, 0, other)
		}, want{gap.CauseCPU: 50, gap.CauseNoCPU: 50}},
		"is throttled": {func(s *script) {
			s.clock(0, 5, 0)
			s.clock(40, 45, 40)
			s.clock(90, 1, 0, func(c *cpuclock.Sample) { c.Threads[0].ID, c.First = 101, false })
			s.clock(100, 55, 10, func(c *cpuclock.Sample) {
				c.Throttled, c.Periods, c.ThrottledSince = millis(45), 1, millis(10)
			})
		}, want{gap.CauseCPU: 50, gap.CauseThrottled: 45, gap.CauseNoCPU: 5}},
		"has a reading of its own in a window of the sampler": {func(s *script) {
			s.clock(0, 0, 0)
			s.log(60, cpuclock.Category, "v1 o=1 0,0 a=0") // no CPU until here
			s.moves(60, trace.GoRunning, trace.GoWaiting, "sleep")
			s.proc(60, trace.ProcRunning, trace.ProcIdle)
			s.proc(80, trace.ProcIdle, trace.ProcRunning)
			s.moves(80, trace.GoWaiting, trace.GoRunnable, "")
			s.moves(80, trace.GoRunnable, trace.GoRunning, "")
			s.clock(100, 20, 20)
		}, want{gap.CauseNoCPU: 60, gap.CauseSleep: 20, gap.CauseCPU: 20}},
		"has few samples of a profile": {func(s *script) {
			for at := range 3 {
				s.ms = float64(at)
				emit(s, trace.EventStackSample, worker, "main.work", trace.StackSample{})
			}
		}, want{gap.CauseCPU: 30, gap.CauseNoCPU: 70}},
		"has enough samples of a profile": {func(s *script) {
			for at := range 9 {
				s.ms = float64(at)
				emit(s, trace.EventStackSample, worker, "main.work", trace.StackSample{})
			}
		}, want{gap.CauseCPU: 100}},
		"is in a long system call, and keeps its P": {func(s *script) {
			s.clock(0, 0, 0)
			s.moves(40, trace.GoRunning, trace.GoSyscall, "")
			s.moves(90, trace.GoSyscall, trace.GoRunning, "")
			s.clock(100, 25, 25) // half of the 50 ms outside of the call
		}, want{gap.CauseCPU: 25, gap.CauseNoCPU: 25, gap.CauseSyscall: 50}},
		"the wall clock is set": {func(s *script) {
			s.sync(50, wallStart.Add(-time.Hour))
		}, want{gap.CauseCPU: 100}},
	} {
		t.Run(name, func(t *testing.T) {
			gaps := rootGaps(t, play(t, test.play))
			if len(gaps) != 1 {
				t.Fatalf("%d gaps, want 1", len(gaps))
			}
			got := want{}
			for cause, d := range gaps[0].Explanation.Causes() {
				if d = d.Round(10 * time.Microsecond); d > 0 {
					got[gap.Cause(cause)] = float64(d) / float64(time.Millisecond)
				}
			}
			if !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			for _, p := range gaps[0].Explanation.Parts {
				if p.Cause == gap.CauseOther && p.Reason != "entanglement" {
					t.Errorf("reason %q", p.Reason)
				}
			}
		})
	}
}

// Without clocks, samples are the proof of long parts. With clocks, the clocks are.
func TestProofs(t *testing.T) {
	sampled := func(s *script) {
		for at := range 9 {
			s.ms = float64(at)
			emit(s, trace.EventStackSample, worker, "main.work", trace.StackSample{})
		}
	}
	for name, test := range map[string]struct {
		play func(*script)
		want gap.Proof
		note string
	}{
		"nothing": {func(*script) {}, gap.Unconfirmed, "includes time in which the kernel gave no CPU"},
		"samples": {sampled, gap.BySamples, "only samples say"},
		"clocks":  {func(s *script) { sampled(s); s.clock(8, 8, 0); s.clock(100, 100, 92) }, gap.ByClock, ""},
	} {
		r := play(t, test.play)
		longest := rootGaps(t, r)[0].Explanation.Parts[0]
		notes := strings.Join(r.Notes(), "\n")
		if longest.Proof != test.want || !strings.Contains(notes, test.note) || test.note == "" && notes != "" {
			t.Errorf("%s: %+v, notes %q", name, longest, notes)
		}
		if test.want == gap.BySamples && (longest.Samples != 9 || longest.Frame.Function != "main.work") {
			t.Errorf("%s: %+v, want 9 samples in main.work", name, longest)
		}
	}
}

// If the clock that the span was started with is wrong, the span ended when it was finished.
func TestImpossibleStart(t *testing.T) {
	r := play(t, func(s *script) {
		s.waits(20, 30, "sleep")
		s.mark(50, mark.Mark{SpanID: 2, Operation: "early", Start: wallStart.Add(time.Hour), Duration: millis(40)})
	})
	s := r.spans[spanKey{1, 2, false}]
	if s.start != ms(10)+1 || s.end != ms(50)+1 {
		t.Errorf("from %v to %v, want 10 to 50 ms", s.start, s.end)
	}
}

// A mark and the source of a trace may claim any time. The parts still add up to the gap.
func TestImpossibleGap(t *testing.T) {
	r := play(t, func(s *script) {
		s.mark(50, mark.Mark{SpanID: 2, Start: time.Unix(0, math.MaxInt64), Duration: millis(10)})
	})
	const century = 100 * 365 * 24 * time.Hour
	built, _ := gap.Build([]gap.Span{
		{TraceID: gap.TraceID{Low: 1}, SpanID: 2, Start: time.Unix(0, math.MinInt64).Add(time.Hour), Duration: century},
	})
	for g := range r.Explain(built).Gaps(0) {
		sum := time.Duration(0)
		for _, p := range g.Explanation.Parts {
			sum += p.Duration
		}
		if sum != g.Time || g.Time != century {
			t.Errorf("the parts add up to %v, want %v", sum, g.Time)
		}
		return
	}
	t.Error("there is no gap")
}

// What a recording says of moments is bounded, however long it is.
func TestMomentsAreBounded(t *testing.T) {
	s := &script{t: t, r: newReader(Options{})}
	s.r.stopped = make([]stop, maxMoments+1)
	s.r.throttles = make([]throttle, maxMoments+1)
	s.r.threads = []*thread{{clocks: make([]clock, maxMoments+1)}}
	s.sync(0, wallStart)
	stops, throttles, clocks := len(s.r.stopped), len(s.r.throttles), len(s.r.threads[0].clocks)
	if max(stops, throttles, clocks) > maxMoments {
		t.Errorf("%d stops, %d throttles and %d clocks, want at most %d of each", stops, throttles, clocks, maxMoments)
	}
}

// Joined time is explained by what the goroutine did during the call, except waiting for it.
func TestJoinedTime(t *testing.T) {
	r := play(t, func(s *script) {
		const network = "network"
		s.waits(20, 30, network)
		s.waits(40, 45, "sleep")
		s.waits(50, 60, network)
		root := []gap.Reference{{Type: gap.ChildOf, SpanID: 1}}
		s.mark(60, mark.Mark{
			SpanID: 2, References: root, Kind: gap.KindClient, Operation: "get", Start: wallStart.Add(millis(20)),
			Duration: millis(40), JoinedUS: 20_000,
		})
	})
	for _, g := range rootGaps(t, r) {
		if !g.Joined() {
			continue
		}
		causes := g.Explanation.Causes()
		cpu, sleep := causes[gap.CauseCPU].Round(time.Microsecond), causes[gap.CauseSleep].Round(time.Microsecond)
		if cpu != millis(15) || sleep != millis(5) || g.Explanation.Moments != nil {
			t.Errorf("got %+v", g.Explanation)
		}
		return
	}
	t.Error("there is no joined time")
}
