// Package wraptest checks the promises of a wrapper that was made with package wrap, or without it.
// [Check] is all that most tests need:
//
//	func TestPromises(t *testing.T) {
//		wraptest.Check(t, wraptest.Client[*shelf.Client]{
//			New:  func(t *testing.T) *shelf.Client { … },
//			Wrap: gapshelf.Wrap,
//			Uses: map[string]func(*wraptest.Session, *shelf.Client){"get": …},
//		})
//	}
//
// It checks for each use:
//
//   - Transparent: a program sees the same results, errors and panics, raw and wrapped. It does so
//     with and without a parent, with a parent that is not sampled, with options whose hooks panic,
//     with tracers that misbehave, and with a context that is cancelled.
//   - Every span is finished exactly once: after errors, panics and runtime.Goexit, and when a
//     result is abandoned.
//   - No span starts a trace, unless WithRoots is set.
//   - No span holds a secret.
//   - The law of the gap: spans cover exactly the time in which the caller was blocked.
//
// Time is testing/synctest's: it passes only while all goroutines are blocked, so that waits are
// exact, and tests take no time. A fake library sleeps for as long as the network would take, and
// [Session.Work] stands for the work of the program:
//
//	use      Get            Work           Next           Work
//	caller   └── blocked ──┘└── 1 s work ─┘└── blocked ──┘└── 1 s work ─┘
//	spans    |----call-----|               |----wait-----|                 and nothing else
//
// [Compare] checks the promises of code that observes itself. [Tracer] keeps spans for any other
// test.
package wraptest
