//go:build linux

package interop_test

import (
	"maps"
	"net/http"
	"os"
	"runtime"
	"runtime/trace"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/tracer"
)

// threadCPU returns the CPU clock of the calling thread.
func threadCPU() time.Duration {
	var ts syscall.Timespec
	const threadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

// burner is a locked thread, by its own clock.
type burner struct {
	id                int32
	start, end, after time.Duration // it burned from start to end, and then waited until after
}

// burn uses CPU time on a thread of its own, in pieces with sleep between them.
func (b *burner) burn(done func(), quit <-chan struct{}) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	b.id, b.start = int32(syscall.Gettid()), threadCPU()
	for range 5 {
		for end := threadCPU() + 3*time.Millisecond; threadCPU() < end; {
		}
		time.Sleep(2 * time.Millisecond)
	}
	b.end = threadCPU()
	done()
	<-quit
	b.after = threadCPU()
}

// burnRecorded records an execution trace while threads burn. There is a thread more than the
// process has, so that one at least is new. It returns false if no sample was between the start of
// the recording and that of the threads, or after their end.
func burnRecorded(t *testing.T) (burners []burner, samples []cpuclock.Sample, ok bool) {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	burners = make([]burner, len(threads)+1)
	logs := logsOf(t, func() {
		time.Sleep(100 * time.Millisecond)
		trace.Log(t.Context(), "test", "start")
		quit := make(chan struct{})
		var burned, ended sync.WaitGroup
		burned.Add(len(burners))
		for i := range burners {
			ended.Go(func() { burners[i].burn(burned.Done, quit) })
		}
		burned.Wait()
		trace.Log(t.Context(), "test", "end")
		time.Sleep(100 * time.Millisecond)
		trace.Log(t.Context(), "test", "quit")
		close(quit)
		ended.Wait()
	})
	quit := slices.IndexFunc(logs, func(l logEvent) bool { return l.message == "quit" })
	after := 0
	for _, l := range logs[:quit] { // a later sample has what the threads used after their last reading
		switch l.category {
		case "test":
			after = 0
		case cpuclock.Category:
			s, err := cpuclock.Parse(l.message)
			if err != nil {
				t.Fatal(err)
			}
			samples = append(samples, s)
			if !s.More {
				after++
			}
		}
	}
	start := slices.IndexFunc(logs, func(l logEvent) bool { return l.message == "start" })
	first := slices.IndexFunc(logs, func(l logEvent) bool { return l.category == cpuclock.Category })
	return burners, samples, first >= 0 && first < start && after >= 2 // the first of two may have begun earlier
}

// The growth of a clock in the samples adds up to what the thread itself measured. Each reading of
// a sample is between two of the thread, so no tolerance is needed.
func TestCPUClocksEqualTheThreadsOwn(t *testing.T) {
	defer cpuclock.Start(cpuclock.Options{})()
	burners, samples, ok := burnRecorded(t)
	for try := 0; !ok; try++ {
		if try == 5 {
			t.Skip("skipped: the machine is too busy, or it does not show the clocks")
		}
		burners, samples, ok = burnRecorded(t)
	}
	anyNew := false
	for _, b := range burners {
		var first, last, sum time.Duration
		isFirst, isNew := true, false
		for _, s := range samples {
			for _, thread := range s.Threads {
				if thread.ID != b.id {
					continue
				}
				if isFirst {
					first, isFirst, isNew = thread.Clock-thread.Growth, false, thread.New
				}
				last, sum = thread.Clock, sum+thread.Growth
			}
		}
		if sum != last-first || isNew && first != 0 || first > b.start || last < b.end || last > b.after {
			t.Errorf("thread %d, new %v: clock from %v to %v, growth %v; its own from %v to between %v and %v",
				b.id, isNew, first, last, sum, b.start, b.end, b.after)
		}
		anyNew = anyNew || isNew
	}
	if !anyNew {
		t.Error("no thread was new")
	}
	for i, s := range samples {
		if s.First && i > 0 && !samples[i-1].More || (s.Since == 0) != s.First {
			t.Errorf("message %d: %+v", i, s)
		}
	}
}

// The ends of spans and waits are where gaps begin and end, so the thread's clock is read there.
func TestClocksAreReadAtTheEndsOfSpans(t *testing.T) {
	defer cpuclock.Start(cpuclock.Options{})()
	tr, closer, err := tracer.New("shop", tracer.WithExecutionTrace())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	next := make(chan struct{}, 100)
	server := drip(t, next)
	client := nethttp.WrapClient(&http.Client{Transport: &http.Transport{}}, gaptrace.WithTracer(tr))
	defer client.CloseIdleConnections()

	step := func(name string) { trace.Log(t.Context(), "test", name) }
	for range 20 {
		logs := logsOf(t, func() {
			time.Sleep(50 * time.Millisecond) // until the sampler has seen the recording, most likely
			step("start of a span")
			root := tr.StartSpan("GET /cart", ext.SpanKindRPCServer)
			req, err := http.NewRequestWithContext(
				opentracing.ContextWithSpan(t.Context(), root), http.MethodGet, server.URL, http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			step("call, its span and its answer")
			resp, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			step("later wait")
			next <- struct{}{}
			_, err = resp.Body.Read(make([]byte, 100))
			step("end of a span")
			root.Finish()
			step("")
			for range 5 {
				next <- struct{}{}
			}
			if err != nil || resp.Body.Close() != nil {
				t.Error("the body cannot be read")
			}
		})
		if t.Failed() {
			return
		}
		at, own := "", logs[len(logs)-1].goroutine
		for _, l := range logs {
			if l.category == "test" {
				own = l.goroutine
			}
		}
		counts := map[string]int{}
		for _, l := range logs {
			switch {
			case l.goroutine != own:
			case l.category == "test":
				at = l.message
			case l.category == cpuclock.Category:
				if s, err := cpuclock.Parse(l.message); err == nil && s.Own {
					counts[at]++
				}
			}
		}
		if counts["start of a span"] == 0 && counts["end of a span"] == 0 {
			continue // the sampler did not come
		}
		want := map[string]int{"start of a span": 1, "call, its span and its answer": 3, "later wait": 1, "end of a span": 1}
		delete(counts, "")
		if !maps.Equal(counts, want) {
			t.Errorf("readings %v, want %v", counts, want)
		}
		return
	}
	t.Error("the sampler never came")
}
