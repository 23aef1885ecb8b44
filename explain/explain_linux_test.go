package explain_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
)

// While the program competes for the CPUs with itself, the CPU time of a gap is what the thread's
// clock says. Other goroutines on the same thread do not count.
func TestCPUTime(t *testing.T) {
	stop := cpuclock.Start(cpuclock.Options{})
	defer stop()
	for range 20 {
		if cpuTimeOfABurn(t) {
			return
		}
	}
	t.Error("the CPU time is never known by the clock")
}

// cpuTimeOfABurn reports whether the sampler saw the recording before the burn.
func cpuTimeOfABurn(t *testing.T) bool {
	var inside, outside time.Duration
	recorded := record(t, func(tr opentracing.Tracer) {
		time.Sleep(50 * time.Millisecond) // by then the sampler has most likely seen the recording
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var others sync.WaitGroup
		var done atomic.Bool
		defer others.Wait()
		defer done.Store(true)
		for range 2 * runtime.GOMAXPROCS(0) {
			others.Go(func() {
				for !done.Load() {
				}
			})
		}
		start := threadCPU(t)
		span := tr.StartSpan("burns", ext.SpanKindRPCServer)
		first := threadCPU(t)
		for threadCPU(t)-first < long {
		}
		last := threadCPU(t)
		span.Finish()
		inside, outside = last-first, threadCPU(t)-start
	})
	g := gapsOf(t, read(t, recorded), "burns")[0]
	for _, p := range g.Explanation.Parts {
		if p.Cause == gap.CauseCPU && p.Proof != gap.ByClock {
			return false
		}
	}
	cpu := g.Explanation.Causes()[gap.CauseCPU]
	if cpu < inside*3/4 || cpu > outside*5/4 {
		t.Errorf("%v of CPU in %v, the thread's clock says %v to %v: %+v", cpu, g.Time, inside, outside, g.Explanation.Parts)
	}
	return true
}

func threadCPU(t *testing.T) time.Duration {
	const clockThreadCPUTime = 3
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		t.Error(errno)
	}
	return time.Duration(ts.Nano())
}

func TestSystemCall(t *testing.T) {
	recorded := record(t, func(tr opentracing.Tracer) {
		span := tr.StartSpan("sleeps in the kernel", ext.SpanKindRPCServer)
		defer span.Finish()
		pause := syscall.NsecToTimespec(long.Nanoseconds())
		if err := syscall.Nanosleep(&pause, nil); err != nil {
			t.Error(err)
		}
	})
	p := mainPart(t, gapsOf(t, read(t, recorded), "sleeps in the kernel")[0])
	if p.Cause != gap.CauseSyscall || p.Reason != "syscall.Nanosleep" ||
		!strings.Contains(p.Frame.Function, "TestSystemCall") {
		t.Errorf("got %+v", p)
	}
}

// threadIDs returns the threads of the process.
func threadIDs() (ids []int32) {
	entries, _ := os.ReadDir("/proc/self/task")
	for _, e := range entries {
		if id, err := strconv.ParseInt(e.Name(), 10, 32); err == nil {
			ids = append(ids, int32(id))
		}
	}
	return ids
}
