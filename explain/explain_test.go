package explain_test

import (
	"bytes"
	"context"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/explain"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
)

// record records an execution trace while f runs. Spans of the tracer leave marks in it.
func record(t *testing.T, f func(opentracing.Tracer)) []byte {
	t.Helper()
	tr, closer, err := tracer.New("shop", tracer.WithExecutionTrace())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	var recorded bytes.Buffer
	if err := trace.Start(&recorded); err != nil {
		t.Fatal(err)
	}
	defer trace.Stop() // if f fails
	f(tr)
	trace.Stop()
	return recorded.Bytes()
}

func read(t *testing.T, recorded []byte) *explain.Recording {
	t.Helper()
	r, err := explain.Read(bytes.NewReader(recorded), explain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// gapsOf returns the explained gaps of the spans with an operation, of all traces.
func gapsOf(t *testing.T, r *explain.Recording, operation string) (gaps []gap.Gap) {
	t.Helper()
	for _, spans := range r.Traces() {
		built, _ := gap.Build(spans)
		for g := range r.Explain(built).Gaps(0) {
			check(t, g)
			if g.Node.Span().Operation == operation {
				gaps = append(gaps, g)
			}
		}
	}
	if len(gaps) == 0 {
		t.Fatalf("no gap of %s", operation)
	}
	return gaps
}

// check checks what is true of each explanation: the parts add up to the gap, and the moments tile
// it.
func check(t *testing.T, g gap.Gap) {
	t.Helper()
	if g.Class != gap.ClassSelf {
		if g.Explanation != nil {
			t.Errorf("a gap of class %v is explained", g.Class)
		}
		return
	}
	var sum time.Duration
	for i, p := range g.Explanation.Parts {
		sum += p.Duration
		if p.Duration <= 0 || i > 0 && p.Duration > g.Explanation.Parts[i-1].Duration {
			t.Errorf("%s: part %d lasts %v, of %+v", g.Node.Span().Operation, i, p.Duration, g.Explanation.Parts)
		}
	}
	if sum != g.Time {
		t.Errorf("%s: the parts add up to %v, want %v", g.Node.Span().Operation, sum, g.Time)
	}
	if g.Joined() || g.Explanation.Moments == nil {
		return
	}
	at := g.Start
	byPart := make([]time.Duration, len(g.Explanation.Parts))
	for _, m := range g.Explanation.Moments {
		if !m.Start.Equal(at) || !m.Start.Before(m.End) {
			t.Errorf("%s: a moment from %v to %v, want it to start at %v", g.Node.Span().Operation, m.Start, m.End, at)
		}
		at = m.End
		byPart[m.Part] += m.End.Sub(m.Start)
	}
	if !at.Equal(g.End) {
		t.Errorf("%s: the moments end at %v, want %v", g.Node.Span().Operation, at, g.End)
	}
	for i, d := range byPart {
		if d != g.Explanation.Parts[i].Duration {
			t.Errorf("%s: the moments of part %d add up to %v, want %v", g.Node.Span().Operation, i, d, g.Explanation.Parts[i].Duration)
		}
	}
}

// mainPart returns the longest part, except those that a busy machine adds.
func mainPart(t *testing.T, g gap.Gap) gap.Part {
	t.Helper()
	for _, p := range g.Explanation.Parts {
		switch p.Cause {
		case gap.CauseRunnable, gap.CauseNoCPU, gap.CauseThrottled, gap.CauseGC:
		default:
			return p
		}
	}
	t.Fatalf("%s: only %v", g.Node.Span().Operation, g.Explanation.Parts)
	return gap.Part{}
}

const long = 20 * time.Millisecond // so that whatever else happens is shorter

func burn(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// slowServer returns the address of a server that sends a byte after a while.
func slowServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			time.Sleep(long)
			c.Write([]byte("x"))
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	return l.Addr().String()
}

func readByte(t *testing.T, address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// untilBlocked returns when a goroutine of the test is in the state, such as "chan receive".
func untilBlocked(t *testing.T, state string) {
	stacks := make([]byte, 1<<20)
	for t.Context().Err() == nil {
		for one := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(one, "["+state) && strings.Contains(one, "explain_test."+t.Name()) {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func TestCauses(t *testing.T) {
	address := slowServer(t)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(long) }))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	const here = "github.com/gaptrace/gaptrace/explain_test"
	type want struct {
		cause           gap.Cause
		reason          string
		client, wrapper string
		rule            string
		function        string // of the frame
		other           bool   // another goroutine did it
	}
	bodies := map[string]struct {
		run  func()
		want want
	}{
		"burns": {func() { burn(long) }, want{cause: gap.CauseCPU}},
		"sleeps": {func() { time.Sleep(long) }, want{
			cause: gap.CauseSleep, reason: "sleep", function: here + ".TestCauses.func",
		}},
		"reads a connection": {func() { readByte(t, address) }, want{
			cause: gap.CauseNetwork, reason: "network", client: "net", function: here + ".readByte",
		}},
		"calls an unwrapped client": {func() {
			resp, err := http.Get(server.URL)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		}, want{
			cause: gap.CauseNetwork, reason: "select", client: "net/http",
			wrapper: "github.com/gaptrace/gaptrace/contrib/nethttp", rule: "GT101", function: here + ".TestCauses.func",
		}},
		"waits for workers": {func() {
			var workers sync.WaitGroup
			workers.Go(func() {})
			workers.Go(func() { untilBlocked(t, "sync.WaitGroup.Wait"); readByte(t, address) })
			workers.Wait()
		}, want{cause: gap.CauseNetwork, reason: "network", client: "net", function: here + ".readByte", other: true}},
		"receives from a worker": {func() {
			c := make(chan int)
			go func() { untilBlocked(t, "chan receive"); time.Sleep(long); c <- 1 }()
			<-c
		}, want{cause: gap.CauseSleep, reason: "sleep", function: here + ".TestCauses.func", other: true}},
		"receives through two workers": {func() {
			c, d := make(chan int), make(chan int)
			go func() { d <- <-c }()
			go func() { untilBlocked(t, "chan receive"); readByte(t, address); c <- 1 }()
			<-d
		}, want{cause: gap.CauseNetwork, reason: "network", client: "net", function: here + ".readByte", other: true}},
		"waits for a timer": {func() { <-time.After(long) }, want{
			cause: gap.CauseChannel, reason: "chan receive", function: here + ".TestCauses.func",
		}},
		"selects a timer": {func() {
			select {
			case <-time.After(long):
			case <-t.Context().Done():
			}
		}, want{cause: gap.CauseSelect, reason: "select", function: here + ".TestCauses.func"}},
		"waits for a timeout": {func() {
			ctx, cancel := context.WithTimeout(t.Context(), long)
			defer cancel()
			<-ctx.Done()
		}, want{cause: gap.CauseChannel, reason: "chan receive", function: here + ".TestCauses.func", other: true}},
		"pulls from an iterator": {func() {
			next, stop := iter.Pull(func(yield func(int) bool) {
				time.Sleep(long)
				yield(1)
			})
			defer stop()
			next()
		}, want{cause: gap.CauseSleep, reason: "sleep", function: here + ".TestCauses.func", other: true}},
		"waits for a condition": {func() {
			var mu sync.Mutex
			c := sync.NewCond(&mu)
			mu.Lock()
			go func() {
				untilBlocked(t, "sync.Cond.Wait")
				time.Sleep(long)
				mu.Lock()
				c.Signal()
				mu.Unlock()
			}()
			c.Wait()
			mu.Unlock()
		}, want{cause: gap.CauseSleep, reason: "sleep", function: here + ".TestCauses.func", other: true}},
	}
	recorded := record(t, func(tr opentracing.Tracer) {
		for name, body := range bodies {
			span := tr.StartSpan(name, ext.SpanKindRPCServer)
			body.run()
			span.Finish()
		}
	})
	r := read(t, recorded)
	for name, body := range bodies {
		gaps := gapsOf(t, r, name)
		p := mainPart(t, gaps[0])
		w := body.want
		if len(gaps) != 1 || p.Cause != w.cause || p.Reason != w.reason || p.Client != w.client || p.Wrapper != w.wrapper ||
			p.Rule != w.rule || !strings.HasPrefix(p.Frame.Function, w.function) || (p.Goroutine != 0) != w.other {
			t.Errorf("%s: %d gaps, %+v, want %+v", name, len(gaps), p, w)
		}
		if w.function != "" && (filepath.Base(p.Frame.File) != "explain_test.go" || p.Frame.Line == 0) {
			t.Errorf("%s: at %+v", name, p.Frame)
		}
	}
}

// A request that waits for a lock names the request that held it.
func TestHeldBy(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		var mu sync.RWMutex
		once := sync.Once{}
		for _, lock := range []struct {
			name, state  string
			lock, unlock func()
			waiter       sync.Locker
		}{
			{"Lock", "sync.Mutex.Lock", mu.Lock, mu.Unlock, &mu},
			{"RLock", "sync.RWMutex.RLock", mu.Lock, mu.Unlock, mu.RLocker()},
			{"writer", "sync.RWMutex.Lock", mu.RLock, mu.RUnlock, &mu},
		} {
			var requests sync.WaitGroup
			held := make(chan struct{})
			requests.Go(func() {
				span := tr.StartSpan("holds "+lock.name, ext.SpanKindRPCServer)
				defer span.Finish()
				lock.lock()
				close(held)
				untilBlocked(t, lock.state)
				time.Sleep(long)
				lock.unlock()
			})
			requests.Go(func() {
				<-held
				span := tr.StartSpan("waits "+lock.name, ext.SpanKindRPCServer)
				defer span.Finish()
				lock.waiter.Lock()
				defer lock.waiter.Unlock()
			})
			requests.Wait()
		}
		var requests sync.WaitGroup
		held := make(chan struct{})
		for _, name := range []string{"holds Once", "waits Once"} {
			requests.Go(func() {
				if name == "waits Once" {
					<-held
				}
				span := tr.StartSpan(name, ext.SpanKindRPCServer)
				defer span.Finish()
				once.Do(func() { close(held); untilBlocked(t, "sync.Mutex.Lock"); time.Sleep(long) })
			})
		}
		requests.Wait()
	})
	r := read(t, recorded)
	for _, name := range []string{"Lock", "RLock", "writer", "Once"} {
		p := mainPart(t, gapsOf(t, r, "waits "+name)[0])
		holder := gapsOf(t, r, "holds "+name)[0].Node.Span()
		want := gap.Holder{TraceID: holder.TraceID, SpanID: holder.SpanID, Service: "shop", Operation: holder.Operation}
		if p.Cause != gap.CauseLock || p.HeldBy != want || p.Goroutine == 0 || !strings.HasPrefix(p.Reason, "sync.") {
			t.Errorf("%s: %+v, want it held by %+v", name, p, want)
		}
	}
}

// A wait for a goroutine that works for another request is not explained by what that goroutine
// does: it is a wait for the other request.
func TestWaitForAnotherRequest(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		result := make(chan int)
		ready := make(chan struct{})
		var requests sync.WaitGroup
		requests.Go(func() {
			span := tr.StartSpan("computes", ext.SpanKindRPCServer)
			defer span.Finish()
			<-ready
			untilBlocked(t, "chan receive")
			time.Sleep(long)
			result <- 1
		})
		requests.Go(func() {
			span := tr.StartSpan("shares", ext.SpanKindRPCServer)
			defer span.Finish()
			close(ready)
			<-result
		})
		requests.Wait()
	})
	p := mainPart(t, gapsOf(t, read(t, recorded), "shares")[0])
	if p.Cause != gap.CauseChannel || p.HeldBy.Operation != "computes" {
		t.Errorf("got %+v", p)
	}
}

// The gaps of a handler exclude the calls of a wrapped client, and are explained without them.
func TestWrappedCalls(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(long) }))
	defer server.Close()
	recorded := record(t, func(tr opentracing.Tracer) {
		client := nethttp.WrapClient(&http.Client{Transport: &http.Transport{}}, gaptrace.WithTracer(tr))
		defer client.CloseIdleConnections()
		span := tr.StartSpan("handler", ext.SpanKindRPCServer)
		ctx := opentracing.ContextWithSpan(context.Background(), span)
		burn(2 * time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		time.Sleep(2 * time.Millisecond)
		span.Finish()
	})
	gaps := gapsOf(t, read(t, recorded), "handler")
	for _, g := range gaps {
		if d := g.Explanation.Causes()[gap.CauseNetwork]; d > 0 {
			t.Errorf("%v of the wrapped call is in a gap: %+v", d, g.Explanation.Parts)
		}
	}
	if first := mainPart(t, gaps[0]); first.Cause != gap.CauseCPU {
		t.Errorf("before the call: %+v", first)
	}
	if last := mainPart(t, gaps[len(gaps)-1]); last.Cause != gap.CauseSleep {
		t.Errorf("after the call: %+v", last)
	}
}

// A goroutine that was created during a span may finish the span. The time before is explained by
// the goroutine that created it.
func TestFinishedByAnotherGoroutine(t *testing.T) {
	address := slowServer(t)
	recorded := record(t, func(tr opentracing.Tracer) {
		done := make(chan struct{})
		span := tr.StartSpan("handed over", ext.SpanKindRPCServer)
		time.Sleep(long)
		go func() {
			readByte(t, address)
			span.Finish()
			close(done)
		}()
		<-done
	})
	causes := gapsOf(t, read(t, recorded), "handed over")[0].Explanation.Causes()
	if causes[gap.CauseSleep] < long/2 || causes[gap.CauseNetwork] < long/2 || causes[gap.CauseUnobserved] != 0 {
		t.Errorf("got %v", causes)
	}
}

// What lies outside the recording is unobserved, and everything else is still explained.
func TestOutsideTheRecording(t *testing.T) {
	tr, closer, err := tracer.New("shop", tracer.WithExecutionTrace())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	unmarked := tr.StartSpan("finished before", ext.SpanKindRPCServer)
	span := tr.StartSpan("started before", ext.SpanKindRPCServer)
	unmarked.Finish()
	time.Sleep(long)
	var recorded bytes.Buffer
	if err := trace.Start(&recorded); err != nil {
		t.Fatal(err)
	}
	time.Sleep(long)
	span.Finish()
	trace.Stop()
	r := read(t, recorded.Bytes())
	g := gapsOf(t, r, "started before")[0]
	causes := g.Explanation.Causes()
	if causes[gap.CauseUnobserved] < long || causes[gap.CauseSleep] < long/2 || g.Explanation.Moments[0].Part == 1 &&
		g.Explanation.Parts[1].Cause != gap.CauseUnobserved {
		t.Errorf("got %v, %+v", causes, g.Explanation.Parts)
	}
	if got := len(r.Traces()); got != 1 {
		t.Errorf("%d traces have marks, want 1", got)
	}
}
