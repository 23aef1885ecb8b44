package cpuclock

import (
	"fmt"
	"io"
	"runtime"
	"runtime/trace"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// idleThreads adds threads to the process that wait in a system call, until there are n.
func idleThreads(t testing.TB, n int) {
	t.Helper()
	quit := make(chan struct{})
	var ended, started sync.WaitGroup
	for range n - runtime.GOMAXPROCS(0) {
		started.Add(1)
		ended.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			started.Done()
			<-quit
		})
	}
	started.Wait()
	t.Cleanup(func() {
		close(quit)
		ended.Wait()
	})
}

func processCPU() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkCPU reports the share of a CPU that an idle process takes: without a sampler, with one
// that waits for a recording, with a recording alone, and with both.
func BenchmarkCPU(b *testing.B) {
	for _, threads := range []int{5, 50, 500} {
		for _, mode := range []struct {
			name             string
			sampler, records bool
		}{{"off", false, false}, {"waiting", true, false}, {"recording", false, true}, {"sampling", true, true}} {
			b.Run(fmt.Sprintf("threads=%d/%s", threads, mode.name), func(b *testing.B) {
				idleThreads(b, threads)
				if mode.records {
					if err := trace.Start(io.Discard); err != nil {
						b.Skipf("skipped: %v", err)
					}
					defer trace.Stop()
				}
				if mode.sampler {
					defer Start(Options{})()
				}
				time.Sleep(2 * time.Second) // what was saved is spent
				before, start := processCPU(), time.Now()
				for b.Loop() {
					time.Sleep(3 * time.Second)
				}
				share := (processCPU() - before).Seconds() / time.Since(start).Seconds()
				b.ReportMetric(100*share, "%CPU")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkSample reads the clocks of idle threads, and writes a sample.
func BenchmarkSample(b *testing.B) {
	for _, threads := range []int{5, 50, 500} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			idleThreads(b, threads)
			if err := trace.Start(io.Discard); err != nil {
				b.Skipf("skipped: %v", err)
			}
			defer trace.Stop()
			c := openClocks()
			defer c.close()
			for b.Loop() {
				c.sample(time.Now())
			}
		})
	}
}

// waits are the ways to wait for the next sample.
var waits = map[string]func(time.Duration){
	"timer": time.Sleep,
	"nanosleep": func(d time.Duration) {
		ts := syscall.NsecToTimespec(int64(d))
		syscall.Nanosleep(&ts, nil) //nolint:errcheck // interrupted: it ends early
	},
}

// startBurning starts goroutines that count how much CPU time they got.
func startBurning(goroutines int) (counted func() int64, stop func()) {
	quit := make(chan struct{})
	var ended sync.WaitGroup
	var count atomic.Int64
	for range goroutines {
		ended.Go(func() {
			for {
				for range 100_000 {
				}
				count.Add(1)
				select {
				case <-quit:
					return
				default:
				}
			}
		})
	}
	return count.Load, func() {
		close(quit)
		ended.Wait()
	}
}

// BenchmarkDelay reports how late a wait of a millisecond ends, while goroutines burn CPU.
func BenchmarkDelay(b *testing.B) {
	for _, burning := range []int{0, 1, runtime.GOMAXPROCS(0), 4 * runtime.GOMAXPROCS(0)} {
		for name, wait := range waits {
			b.Run(fmt.Sprintf("burning=%d/%s", burning, name), func(b *testing.B) {
				_, stop := startBurning(burning)
				defer stop()
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				var late []time.Duration
				for b.Loop() {
					start := time.Now()
					wait(time.Millisecond)
					late = append(late, time.Since(start)-time.Millisecond)
				}
				slices.Sort(late)
				b.ReportMetric(float64(late[len(late)/2].Microseconds()), "µs-median")
				b.ReportMetric(float64(late[len(late)*9/10].Microseconds()), "µs-90%")
				b.ReportMetric(float64(late[len(late)-1].Microseconds()), "µs-worst")
			})
		}
	}
}

// BenchmarkLoss compares the CPU time of burning goroutines with and without one more goroutine,
// which waits for a millisecond again and again. It reports how much is lost. The two take turns,
// since the machine's speed changes.
func BenchmarkLoss(b *testing.B) {
	for name, wait := range waits {
		b.Run(name, func(b *testing.B) {
			counted, stop := startBurning(runtime.GOMAXPROCS(0))
			defer stop()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			perSecond := func(wait func(time.Duration), d time.Duration) float64 {
				n, cpu := counted(), processCPU()
				for start := time.Now(); time.Since(start) < 500*time.Millisecond; {
					wait(d)
				}
				return float64(counted()-n) / (processCPU() - cpu).Seconds()
			}
			var with, without float64
			for b.Loop() {
				without += perSecond(time.Sleep, 500*time.Millisecond)
				with += perSecond(wait, time.Millisecond)
			}
			b.ReportMetric(100*(1-with/without), "%loss")
			b.ReportMetric(0, "ns/op")
		})
	}
}
