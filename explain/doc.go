// Package explain says what a program did in the gaps of its spans: it ran on a CPU, or waited for
// a lock, a client that no wrapper covers, the garbage collector or a free CPU.
//
// It reads an execution trace of the Go runtime ([runtime/trace]), in which
// tracer.WithExecutionTrace left a mark for each finished span:
//
//	recording, err := explain.Read(file, explain.Options{})
//	…
//	for _, spans := range recording.Traces() {
//		trace, _ := gap.Build(spans)
//		trace = recording.Explain(trace)
//		for g := range trace.Gaps(0) {
//			fmt.Println(report.Verdict(g.Explanation.Parts))
//		}
//	}
//
// The traces may also come from elsewhere, such as Jaeger. Package gap defines the causes, and
// package report draws them.
//
// # How a gap is explained
//
// The event of a mark names the goroutine that finished the span. The execution trace has the
// states of that goroutine, each with its start. They tile the gap:
//
//	gap          [-------------------------------------]
//	goroutine     running | select | runnable | running
//	                               ↑ woken by the worker
//	worker        ... network read | running ...
//	causes       [  cpu   ][network][runnable ][  cpu  ]
//
// A wait for another goroutine is explained by what that goroutine did meanwhile. Waits are
// followed through at most three wake-ups. Two kinds of waits are not followed:
//
//   - A wait for a Mutex or RWMutex. Its evidence is the span that unlocked it.
//   - A wait for a goroutine that worked for a span of another trace. Its evidence is that span,
//     see [gap.Evidence.HeldBy].
//
// A wait below a function of a client library is a wait for the network, whatever the runtime calls
// it: the wrapper of that library would have covered it.
//
// # What running means
//
// Go calls a goroutine running if it has a thread. It does not know whether the kernel gives that
// thread a CPU. So package gap/cpuclock writes the CPU clocks of the threads into the execution
// trace. Between two readings, this part of the running time is [gap.CauseCPU]:
//
//	CPU time of the thread / time in which the thread had a P, without long system calls
//
// The rest is [gap.CauseNoCPU] or [gap.CauseThrottled]. Without these readings, the samples of a
// CPU profile decide, if the time is at least 50 ms. Otherwise the CPU time is [gap.Unconfirmed].
//
// # Whose work explains a span
//
// A span is explained by the goroutine that finished it, the finisher. There are three exceptions:
//
//   - The time before the finisher was created is explained by the goroutine that created it.
//   - If the finisher did not run when the span started, another goroutine handed the span over to
//     it. The time until then is explained by that goroutine. It is the one that the finisher last
//     woke from a send, or the one that last woke the finisher. It must have run when the span
//     started, or have been created since. If it did not, the finisher explains all of the span.
//     This is right only as far as the finisher waited for the goroutine that worked.
//   - While the finisher still worked for a span of another trace that began earlier, the span was
//     queued. The evidence has the other span.
//
// # What is unobserved
//
// Some spans have no mark: those that were not sampled, those of other tracers, and those that
// finished before or after the recording. Their gaps are unobserved. So is the part of a gap that
// lies outside the recording.
//
// # Versions
//
// Package golang.org/x/exp/trace reads the format. It makes no promise of compatibility, so this
// package is a module of its own.
package explain
