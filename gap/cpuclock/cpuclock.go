package cpuclock

import (
	"io"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how to sample. The zero value has the defaults.
type Options struct {
	// Interval is the time between two samples. 0 means a millisecond.
	Interval time.Duration

	// MaxCPU is the most that sampling may take, in CPUs: 0.01 is a hundredth of one. 0 means 0.01.
	// Sampling that would take more becomes less frequent. What an idle second does not use is
	// saved for a busy one.
	MaxCPU float64

	// Profile runs a CPU profile while a trace is recorded. The runtime then writes its samples
	// into the trace, too. The profile itself is discarded. Meanwhile the program cannot start
	// another one. If the program is already running one, that is left alone.
	Profile bool
}

const (
	defaultInterval = time.Millisecond
	defaultMaxCPU   = 0.01

	// checkInterval is the time between two looks for a recording. A look costs a wake-up: 0.2 to
	// 0.5 % of a CPU in all, on a virtual machine.
	checkInterval = 20 * time.Millisecond
)

// running is whether a goroutine of Start is running, and sampling whether it samples.
var running, sampling atomic.Bool

// Read writes the CPU clock of the calling thread into the execution trace, if it is being sampled.
// The wrappers and package tracer call it where a span starts, is answered or finishes, and where a
// later wait ends. So the CPU time of a gap does not depend on when the sampler comes. It takes
// about a nanosecond if nothing is sampled, and half a microsecond otherwise.
func Read() {
	if sampling.Load() {
		writeOwn()
	}
}

// Start starts a goroutine that samples while an execution trace is recorded. Call it once, in
// main. It notices a recording within 20 ms. The function stop ends the goroutine and waits for its
// end.
//
// There is only one sampler at a time. While it runs, Start does nothing, and neither does the
// function that it returns.
func Start(o Options) (stop func()) {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if !(o.MaxCPU > 0) { // also NaN
		o.MaxCPU = defaultMaxCPU
	}
	if !supported && !o.Profile || !running.CompareAndSwap(false, true) {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer running.Store(false)
		o.run(quit)
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-done
	})
}

// run samples until quit is closed.
//
// If goroutines use all CPUs, a timer of the runtime is 20 ms late. The system call nanosleep on a
// thread of its own would not be. But the runtime would poll for the P that the call keeps. That
// takes 2 to 10 % of the program's CPU time, see BenchmarkDelay and BenchmarkLoss.
func (o *Options) run(quit <-chan struct{}) {
	b := budget{share: o.MaxCPU, interval: o.Interval, last: time.Now()}
	b.saved = b.most()
	var r *recording
	defer func() { r.end() }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-quit:
			return
		case <-timer.C:
		}
		wait := checkInterval
		switch {
		case trace.IsEnabled():
			if r == nil {
				r = o.begin()
			}
			wait = r.sample(&b)
		case r != nil:
			r.end()
			r = nil
		}
		timer.Reset(wait)
	}
}

// recording is an execution trace that is being recorded.
type recording struct {
	clocks    *clocks // nil if they cannot be read
	profiling bool
}

func (o *Options) begin() *recording {
	r := &recording{clocks: openClocks()}
	sampling.Store(r.clocks != nil)
	if o.Profile {
		r.profiling = pprof.StartCPUProfile(io.Discard) == nil // an error means that one is running
	}
	return r
}

// end ends what the recording started; r may be nil.
func (r *recording) end() {
	if r == nil {
		return
	}
	sampling.Store(false)
	if r.profiling {
		pprof.StopCPUProfile()
	}
	r.clocks.close()
}

// sample writes a sample, and returns the time to wait for the next.
func (r *recording) sample(b *budget) (wait time.Duration) {
	if r.clocks == nil {
		return checkInterval
	}
	now := time.Now()
	cost, used := r.clocks.sample(now)
	return b.wait(now, cost, used)
}

// budget spends a share of a CPU on sampling. While the program is idle, a sample has little to
// say, so half of the budget is saved. While the program is busy, samples come at the full rate
// until the savings are spent.
type budget struct {
	share    float64
	interval time.Duration
	saved    time.Duration
	last     time.Time // when it was last asked
}

// most is the most that can be saved.
func (b *budget) most() time.Duration { return time.Duration(float64(time.Second) * b.share) }

// wait returns the time to wait for the next sample, after one that took cost. The other threads of
// the process used some CPU time since the sample before it.
func (b *budget) wait(now time.Time, cost, used time.Duration) time.Duration {
	elapsed := min(now.Sub(b.last), time.Second) // more is not saved
	b.last = now

	// A sample also costs a wake-up: the runtime's timer, and several switches between threads. In
	// an idle process it is most of what the other threads use, up to 100 µs. In a busy one it is
	// less, and cannot be measured.
	const idleWakeUp, busyWakeUp = 100 * time.Microsecond, 30 * time.Microsecond
	isBusy := used > elapsed/10
	if isBusy {
		cost += busyWakeUp
	} else {
		cost += min(used, idleWakeUp)
	}
	b.saved = min(b.saved+time.Duration(float64(elapsed)*b.share), b.most()) - cost

	const longest = time.Second
	wait := time.Duration(min(float64(cost)/b.share, float64(longest))) // what it can afford for ever
	switch {
	case isBusy && b.saved > 0:
		return b.interval
	case !isBusy:
		wait = min(2*wait, longest)
	}
	return max(b.interval, wait)
}
