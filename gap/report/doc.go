// Package report writes what package [gap] finds in traces, in several formats.
//
//	r := report.New(report.Options{})
//	for spans, err := range jaegerjson.Read(file) {
//		…
//		r.Add(gap.Build(spans))
//	}
//	err := r.Text(os.Stdout, report.TextOptions{})
//
// A [Report] keeps a summary of all operations, the worst gaps, and the traces that are drawn. It
// does not keep the other traces. Its formats are:
//
//   - [Report.Text]: for a terminal. Waterfalls with their gaps, and tables of gaps and operations.
//   - [Report.HTML]: the same as a page that loads nothing and has no JavaScript.
//   - [Report.JSON]: everything, for programs. docs/report.md explains it.
//   - [Report.Perfetto]: the drawn traces, for ui.perfetto.dev and chrome://tracing.
//
// [Stacks] adds up gaps by stack: the operations from the root to the span that has the gap. Its
// formats are a profile for go tool pprof ([Stacks.Profile]) and folded stacks for flame graphs
// ([Stacks.Folded]).
//
// Self time and critical path are as package gap defines them.
//
// Traces are untrusted input. In text and on pages, control characters and marks that change the
// direction of text become U+FFFD, and long names are truncated. Pages escape all names.
package report
