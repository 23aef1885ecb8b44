//go:build linux

package interop_test

import (
	"os"
	"runtime"
	"runtime/trace"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/gaptrace/gaptrace/gap/cpuclock"
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
