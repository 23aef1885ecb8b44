package explain_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"github.com/gaptrace/gaptrace/explain"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/gap/mark"
)

// Three jobs wait in a queue for one worker, which finishes their spans.
func TestQueue(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		jobs := make(chan opentracing.Span, 3)
		for i := range 3 {
			jobs <- tr.StartSpan(fmt.Sprint("job ", i))
		}
		close(jobs)
		var worker sync.WaitGroup
		worker.Go(func() {
			for span := range jobs {
				time.Sleep(long)
				span.Finish()
			}
		})
		worker.Wait()
	})
	r := read(t, recorded)
	for i := 1; i < 3; i++ {
		g := gapsOf(t, r, fmt.Sprint("job ", i))[0]
		held := time.Duration(0)
		for _, p := range g.Explanation.Parts {
			if p.Reason == "queued" && strings.HasPrefix(p.HeldBy.Operation, "job ") {
				held += p.Duration
			}
		}
		if causes := g.Explanation.Causes(); held < time.Duration(i)*long || causes[gap.CauseSleep] > g.Time-held {
			t.Errorf("job %d: queued for %v of %v: %+v", i, held, g.Time, g.Explanation.Parts)
		}
	}
}

// One goroutine starts a span, and hands it to another one, which works and finishes it. Meanwhile
// the first one does something else.
func TestHandedOver(t *testing.T) {
	address := slowServer(t)
	recorded := record(t, func(tr opentracing.Tracer) {
		jobs := make(chan opentracing.Span)
		var worker sync.WaitGroup
		worker.Go(func() {
			span := <-jobs
			readByte(t, address)
			span.Finish()
		})
		untilBlocked(t, "chan receive")
		jobs <- tr.StartSpan("job")
		time.Sleep(long / 2)
		worker.Wait()
	})
	causes := gapsOf(t, read(t, recorded), "job")[0].Explanation.Causes()
	if causes[gap.CauseNetwork] < long/2 || causes[gap.CauseSleep] > 0 {
		t.Errorf("got %v", causes)
	}
}

// The limit of spans is for those that are needed.
func TestExplainerKeepsWhatIsAskedFor(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		wanted := tr.StartSpan("wanted")
		wanted.Finish()
		for range 10 {
			span := tr.StartSpan("other")
			time.Sleep(time.Millisecond)
			span.Finish()
		}
	})
	var traces []*gap.Trace
	for _, spans := range read(t, recorded).Traces() {
		if built, _ := gap.Build(spans); spans[0].Operation == "wanted" {
			traces = append(traces, built)
		}
	}
	e := explain.Explainer{Options: explain.Options{MaxSpans: 1}}
	explained, notes, err := e.Explain(bytes.NewReader(recorded), traces)
	if err != nil || len(explained) != 1 || strings.Contains(strings.Join(notes, "\n"), "more than") {
		t.Fatalf("%d traces, notes %q, %v", len(explained), notes, err)
	}
	for g := range explained[0].Gaps(0) {
		if causes := g.Explanation.Causes(); causes[gap.CauseUnobserved] > 0 {
			t.Errorf("got %v", causes)
		}
	}
}

// A worker gets a job, starts a helper, works, and waits for the helper. All of it is the job's.
func TestHelperOfAWorker(t *testing.T) {
	address := slowServer(t)
	recorded := record(t, func(tr opentracing.Tracer) {
		jobs := make(chan opentracing.Span)
		var worker sync.WaitGroup
		worker.Go(func() {
			span := <-jobs
			helped := make(chan struct{})
			go func() {
				untilBlocked(t, "chan receive")
				time.Sleep(time.Millisecond)
				helped <- struct{}{}
			}()
			readByte(t, address)
			<-helped
			span.Finish()
		})
		untilBlocked(t, "chan receive")
		jobs <- tr.StartSpan("job")
		worker.Wait()
	})
	if causes := gapsOf(t, read(t, recorded), "job")[0].Explanation.Causes(); causes[gap.CauseNetwork] < long/2 {
		t.Errorf("got %v", causes)
	}
}

// A worker holds a lock for a job whose span it has finished already. The next job in its queue did
// not hold it.
func TestHolderIsNotTheNextJob(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		var mu sync.Mutex
		jobs := make(chan opentracing.Span, 2)
		locked := make(chan struct{}, 2)
		var worker sync.WaitGroup
		worker.Go(func() {
			span := <-jobs
			mu.Lock()
			defer mu.Unlock()
			locked <- struct{}{}
			untilBlocked(t, "sync.Mutex.Lock")
			span.Finish()
			time.Sleep(time.Millisecond)
		})
		next := tr.StartSpan("job 1")
		jobs <- tr.StartSpan("job 0")
		jobs <- next
		<-locked
		span := tr.StartSpan("waits")
		mu.Lock()
		span.Finish()
		mu.Unlock()
		worker.Wait()
		next.Finish()
	})
	p := mainPart(t, gapsOf(t, read(t, recorded), "waits")[0])
	if p.Cause != gap.CauseLock || p.HeldBy.Operation == "job 1" || p.Goroutine == 0 {
		t.Errorf("got %+v", p)
	}
}

// What happens during calls does not count in the gaps between them, however many there are.
func TestManyCalls(t *testing.T) {
	const calls = 200
	recorded := record(t, func(tr opentracing.Tracer) {
		span := tr.StartSpan("calls", ext.SpanKindRPCServer)
		for range calls {
			burn(20 * time.Microsecond)
			call := tr.StartSpan("call", opentracing.ChildOf(span.Context()), ext.SpanKindRPCClient)
			time.Sleep(100 * time.Microsecond)
			call.Finish()
		}
		span.Finish()
	})
	var sums [gap.NumCauses]time.Duration
	for _, g := range gapsOf(t, read(t, recorded), "calls") {
		for cause, d := range g.Explanation.Causes() {
			sums[cause] += d
		}
	}
	if sums[gap.CauseCPU] < calls*15*time.Microsecond || sums[gap.CauseSleep] > calls*10*time.Microsecond {
		t.Errorf("got %v", sums)
	}
}

// writeMark writes a mark as a tracer does.
func writeMark(m mark.Mark) {
	trace.Log(context.Background(), mark.Category, string(m.Append(nil)))
}

// Whatever marks and readings of clocks claim, the parts of a gap add up to it, see check.
func TestHostileLogs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	anything := func() int64 {
		switch random.IntN(4) {
		case 0:
			return math.MaxInt64 - random.Int64N(3)
		case 1:
			return random.Int64N(5_000_000)
		case 2:
			return random.Int64()
		}
		return random.Int64N(3)
	}
	recorded := record(t, func(opentracing.Tracer) {
		threads := threadIDs()
		for i := range 2000 {
			start := time.Now()
			burn(10 * time.Microsecond)
			s := cpuclock.Sample{
				Age: time.Duration(anything()), Since: time.Duration(anything()), Throttled: time.Duration(anything()),
				Periods: 1, ThrottledSince: time.Duration(anything()), First: random.IntN(9) == 0, More: random.IntN(3) == 0,
				Own: random.IntN(5) == 0,
			}
			s.Threads = []cpuclock.Thread{{Clock: time.Duration(anything()), New: random.IntN(9) == 0}}
			if s.Threads[0].Growth = s.Threads[0].Clock / 2; s.Threads[0].New {
				s.Threads[0].Growth = s.Threads[0].Clock
			}
			if !s.Own {
				s.Threads[0].ID = threads[random.IntN(len(threads))]
			}
			trace.Log(context.Background(), cpuclock.Category, string(s.Append(nil)))
			m := mark.Mark{
				TraceID: gap.TraceID{Low: uint64(i%100 + 1)}, SpanID: gap.SpanID(i + 1), Start: start, Duration: time.Since(start),
			}
			if random.IntN(10) == 0 {
				m.Start, m.Duration = time.Unix(0, anything()), time.Duration(anything())
			}
			if random.IntN(10) == 0 {
				m.Start, m.Duration = time.Unix(0, -anything()), time.Duration(-anything())
			}
			writeMark(m)
		}
	})
	r := read(t, recorded)
	explained := 0
	for _, spans := range r.Traces() {
		built, _ := gap.Build(spans)
		for g := range r.Explain(built).Gaps(0) {
			check(t, g)
			explained++
		}
	}
	if explained < 1000 {
		t.Errorf("%d gaps, want at least 1000", explained)
	}
}

func TestMaxSpans(t *testing.T) {
	const most = 1000
	for name, references := range map[string][]gap.Reference{"roots": nil, "no roots": {{SpanID: 9}}} {
		recorded := record(t, func(opentracing.Tracer) {
			for i := range 10 * most {
				writeMark(mark.Mark{
					TraceID: gap.TraceID{Low: uint64(i + 1)}, SpanID: 1, References: references,
					Start: time.Now(), Duration: time.Duration(1 + i%100),
				})
			}
			writeMark(mark.Mark{
				TraceID: gap.TraceID{Low: 1e6}, SpanID: 1, Operation: "slow", Start: time.Now(), Duration: time.Second,
			})
			for i := range 10 * most {
				writeMark(mark.Mark{
					TraceID: gap.TraceID{Low: uint64(2e6 + i)}, SpanID: 1, References: references, Start: time.Now(), Duration: 1,
				})
			}
		})
		r, err := explain.Read(bytes.NewReader(recorded), explain.Options{MaxSpans: most})
		if err != nil {
			t.Fatal(err)
		}
		traces := r.Traces()
		slow := slices.ContainsFunc(traces, func(spans []gap.Span) bool { return spans[0].Operation == "slow" })
		noted := slices.ContainsFunc(r.Notes(), func(s string) bool { return strings.Contains(s, "more than 1000 spans") })
		if len(traces) > most || len(traces) < most/2 || !slow || !noted {
			t.Errorf("%s: %d traces, the slow one is there: %v, notes %q", name, len(traces), slow, r.Notes())
		}
	}
}

// A goroutine that yields all the time makes more history than is kept for each span.
func TestManyStateChanges(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		root := tr.StartSpan("root")
		spans := []opentracing.Span{root}
		for i := range 300 {
			spans = append(spans, tr.StartSpan(fmt.Sprint("span ", i), opentracing.FollowsFrom(root.Context())))
		}
		for range 20_000 {
			burn(time.Microsecond)
			runtime.Gosched()
		}
		for _, span := range spans {
			span.Finish()
		}
	})
	r := read(t, recorded)
	for _, i := range []int{0, 299} {
		e := gapsOf(t, r, fmt.Sprint("span ", i))[0].Explanation
		causes := e.Causes()
		if causes[gap.CauseCPU] < 15*time.Millisecond || causes[gap.CauseUnobserved] > 0 || e.Moments != nil {
			t.Errorf("span %d: %v, %d moments", i, causes, len(e.Moments))
		}
	}
	if !slices.ContainsFunc(r.Notes(), func(s string) bool { return strings.Contains(s, "approximate, in 301 spans") }) {
		t.Errorf("notes %q", r.Notes())
	}
}

// A gap that 1,000 other goroutines made has a bounded number of parts.
func TestManyGoroutines(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		parked := make(chan struct{})
		var all sync.WaitGroup
		for range 10_000 {
			all.Go(func() { <-parked })
		}
		span := tr.StartSpan("hands over")
		for range 1000 {
			done := make(chan struct{})
			go func() { burn(10 * time.Microsecond); close(done) }()
			<-done
		}
		span.Finish()
		close(parked)
		all.Wait()
	})
	g := gapsOf(t, read(t, recorded), "hands over")[0]
	if n := len(g.Explanation.Parts); n > 100 {
		t.Errorf("%d parts, want at most 100", n)
	}
	if causes := g.Explanation.Causes(); causes[gap.CauseCPU] < 5*time.Millisecond || causes[gap.CauseUnobserved] > 0 {
		t.Errorf("got %v", causes)
	}
}

// If there is too much history, the newest is kept.
func TestMaxHistory(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		span := tr.StartSpan("long")
		for start := time.Now(); time.Since(start) < 2500*time.Millisecond; { // some generations of the trace
			for range 5 {
				runtime.Gosched()
			}
			time.Sleep(2 * time.Millisecond)
		}
		span.Finish()
		short := tr.StartSpan("short")
		time.Sleep(long)
		short.Finish()
	})
	r, err := explain.Read(bytes.NewReader(recorded), explain.Options{MaxHistory: 1000})
	if err != nil {
		t.Fatal(err)
	}
	first := gapsOf(t, r, "long")[0].Explanation
	unobserved := slices.IndexFunc(first.Parts, func(p gap.Part) bool { return p.Cause == gap.CauseUnobserved })
	if unobserved < 0 || first.Parts[unobserved].Reason != "forgotten" || first.Moments[0].Part != unobserved {
		t.Errorf("got %+v", first.Parts)
	}
	if d := gapsOf(t, r, "short")[0].Explanation.Causes()[gap.CauseUnobserved]; d > 0 {
		t.Errorf("%v of the short span are unobserved", d)
	}
	if !slices.ContainsFunc(r.Notes(), func(s string) bool { return strings.Contains(s, "was forgotten") }) {
		t.Errorf("notes %q", r.Notes())
	}
}
