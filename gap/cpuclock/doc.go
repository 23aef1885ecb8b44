// Package cpuclock writes the CPU clock of each thread into the execution trace of the Go runtime
// while one is recorded. It also parses what it wrote. Call [Start] once, in main:
//
//	defer cpuclock.Start(cpuclock.Options{})()
//
// An execution trace calls a goroutine running if Go's scheduler gave it a thread. The kernel may
// still let that thread wait for a CPU. Other threads or programs may use all of them, or the
// container may have used up its CPU limit. Only the thread's CPU clock shows this:
//
//	goroutine      |-- running -----------------------------|-- waiting --
//	its thread     |-- on a CPU --|-- no CPU --|- on a CPU -|
//	samples        ^    ^    ^    ^    ^    ^    ^    ^    ^    ^    ^
//	clock grew by      1.0  1.0  1.0  0.2  0.0  0.7  1.0  1.0  0.1  0.0  ms
//
// Between two samples, a running goroutine had a CPU for this part of its time: the growth of its
// thread's clock, divided by the time in which Go's scheduler let that thread run goroutines.
//
// # Use
//
// The sampler is one goroutine. It works with every recorder: trace.Start, a
// [runtime/trace.FlightRecorder], and net/http/pprof's /debug/pprof/trace. It needs no privileges.
// While nothing is recorded, it only looks for a recording, 50 times a second. The first 20 ms of a
// recording may have no samples.
//
// A sample is due every [Options.Interval]. There are fewer if they would take more than
// [Options.MaxCPU]. That is an average over a second, and includes the wake-ups of the sampler.
// With the defaults, a busy program of a few threads has a sample every millisecond for its first
// 300 ms after an idle second, then one every 3 to 5 ms. An idle program has one every 10 to 30 ms.
// If goroutines use all CPUs, a sample is also 20 ms late, since Go's scheduler lets them run for
// 10 ms each. Samples that are far apart lose no CPU time. But they do not say in which part of the
// time between them it was used. That is why package tracer and the wrappers also call [Read] at
// the ends of spans and waits.
//
// BenchmarkCPU measures the cost. On a virtual machine it was 0.2 to 0.5 % of a CPU for looking for
// a recording, and 0.7 % for sampling an idle program, with 50 and with 500 threads.
//
// # Other systems than Linux
//
// Only Linux shows the clocks of threads. On other systems, and in sandboxes that do not show them,
// Start only runs the profile of [Options.Profile]. The time of a running goroutine then counts as
// CPU time, unless the samples of the profile say otherwise. They are 10 ms apart.
//
// # Format
//
// A sample is one or more log events of [Category], see [runtime/trace.Log]. Each has one message
// of at most [MaxMessage] bytes: the version, and fields that a space separates. Numbers are to the
// base 36. Times are in nanoseconds.
//
//	v1       version
//	f=1      first sample of a recording: it has all threads, and no growth
//	o=1      only the clock of the event's thread, written by Read; its ID is 0
//	s=n      time since the previous reading of these clocks
//	p=n      GOMAXPROCS; in the first sample, and once a second, as is l
//	l=x      CPU limit of the cgroup, in CPUs, a decimal number; 0 for none
//	t=n,n,n  throttling of the cgroup: its time, its periods, and the time since it was last read
//	n,n,n    thread: ID, its clock, growth of its clock since the previous sample
//	+n,n     thread that was created since the previous sample: ID, its clock
//	m=1      another message of this sample follows
//	a=n      age: time from the reading of the clocks to the event
//
// A sample without o=1 has all threads whose clocks grew. So a thread that is in none of its
// messages used no CPU time. Each sample says by how much each clock grew and since when. So a
// reader may have missed earlier ones, as in the window of a flight recorder. A reader ignores
// fields with keys that it does not know. Any other change of the format changes the version.
package cpuclock
