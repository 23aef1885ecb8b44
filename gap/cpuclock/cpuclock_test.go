package cpuclock

import (
	"bytes"
	"io"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"testing"
	"time"
)

// record starts an execution trace.
func record(t testing.TB, w io.Writer) {
	t.Helper()
	if err := trace.Start(w); err != nil {
		t.Skipf("skipped: %v", err)
	}
	t.Cleanup(trace.Stop)
}

// isRunning reports whether the goroutine of Start runs.
func isRunning() bool { return stacksHave("/gap/cpuclock.Start in ") }

func stacksHave(text string) bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), text)
}

// isProfiling reports whether a CPU profile is being recorded. It does not start one, since the
// sampler could then start none.
func isProfiling() bool { return stacksHave("runtime/pprof.profileWriter") }

// eventually waits until what is true.
func eventually(t *testing.T, what string, isTrue func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !isTrue(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s", what)
		}
	}
}

func TestStop(t *testing.T) {
	for range 3 {
		stop := Start(Options{})
		if supported && !isRunning() {
			t.Error("no goroutine")
		}
		stop()
		stop()
		if isRunning() {
			t.Error("the goroutine still runs after stop")
		}
	}
}

func TestSecondStartDoesNothing(t *testing.T) {
	if !supported {
		t.Skip("skipped: there is no sampler on this platform")
	}
	stop := Start(Options{})
	defer stop()
	Start(Options{})()
	if !isRunning() {
		t.Error("the stop of the second Start stopped the first")
	}
	stop()
	defer Start(Options{})()
	if !isRunning() {
		t.Error("no third start after the first has stopped")
	}
}

// Each recording has samples, not only the first one.
func TestSamplesWhileRecording(t *testing.T) {
	if !supported {
		t.Skip("skipped: there is no sampler on this platform")
	}
	defer Start(Options{Interval: 100 * time.Microsecond, MaxCPU: 1})()
	for range 2 {
		eventually(t, "sampled", func() bool {
			time.Sleep(3 * checkInterval) // so that the sampler notices the end of the last recording
			var recorded bytes.Buffer
			if err := trace.Start(&recorded); err != nil {
				t.Skipf("skipped: %v", err)
			}
			time.Sleep(3 * checkInterval)
			trace.Stop()
			text := recorded.String()
			return strings.Contains(text, Category) && strings.Contains(text, "v1 f=1 p=") &&
				strings.Contains(text, "v1 s=")
		})
	}
}

func TestProfile(t *testing.T) {
	if isProfiling() {
		t.Skip("skipped: a profile is running")
	}
	stop := Start(Options{Profile: true})
	defer stop()
	time.Sleep(2 * checkInterval)
	if isProfiling() {
		t.Fatal("a profile without a recording")
	}
	record(t, io.Discard)
	eventually(t, "profiling", isProfiling)
	trace.Stop()
	eventually(t, "the end of the profile", func() bool { return !isProfiling() })
	record(t, io.Discard)
	eventually(t, "profiling again", isProfiling)
	stop()
	if isProfiling() {
		t.Error("a profile after stop")
	}
}

func TestProfileOfTheProgramIsLeftAlone(t *testing.T) {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Skipf("skipped: %v", err)
	}
	defer pprof.StopCPUProfile()
	stop := Start(Options{Profile: true})
	record(t, io.Discard)
	time.Sleep(3 * checkInterval)
	stop()
	if !isProfiling() {
		t.Error("the program's profile was stopped")
	}
}

// Whatever a sample costs, sampling keeps to its share.
func TestBudget(t *testing.T) {
	const cost = 40 * time.Microsecond
	start := time.Unix(1, 0)
	run := func(b *budget, now time.Time, length time.Duration, used float64, cost time.Duration) (
		end time.Time, samples int, spent time.Duration,
	) {
		wait := b.interval
		for end = now; end.Sub(now) < length; samples++ {
			end = end.Add(wait)
			others := time.Duration(used * float64(wait))
			spent += cost
			wait = b.wait(end, cost, others)
		}
		return end, samples, spent
	}
	b := &budget{share: 0.01, interval: time.Millisecond, last: start}
	b.saved = b.most()
	now, samples, _ := run(b, start, 100*time.Millisecond, 1, cost)
	if samples != 100 {
		t.Errorf("%d samples in the first 100 ms of a busy program", samples)
	}
	now, _, spent := run(b, now, 20*time.Second, 1, cost)
	if share := spent.Seconds() / 20; share > 0.011 {
		t.Errorf("a busy program: %.2f %%", 100*share)
	}
	now, _, spent = run(b, now, 20*time.Second, 0.01, cost)
	if share := spent.Seconds() / 20; share > 0.006 {
		t.Errorf("an idle program: %.2f %%", 100*share)
	}
	now, samples, _ = run(b, now, 100*time.Millisecond, 1, cost)
	if samples < 90 {
		t.Errorf("%d samples in 100 ms after an idle time", samples)
	}
	_, samples, _ = run(b, now, 20*time.Second, 1, time.Minute)
	if samples > 21 {
		t.Errorf("%d samples that cost a minute", samples)
	}
}

// The wrappers call Read for each call, recorded or not.
func TestReadWithoutSampler(t *testing.T) {
	if n := testing.AllocsPerRun(100, Read); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		Read()
	}
}
