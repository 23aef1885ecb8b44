// Package report writes what package [gap] finds in traces, in several formats.
//
//	r := report.New(report.Options{})
//	for spans, err := range jaegerjson.Read(file) {
//		…
//		r.Add(gap.Build(spans))
//	}
//	err := r.Text(os.Stdout, report.TextOptions{})
//
// A [Report] keeps a summary of all operations and their gaps, and a few whole traces: those with
// the most self time on their critical paths. It draws these traces, and drops the others. Its
// formats are:
//
//   - [Report.Text]: for a terminal or a file. Waterfalls of the drawn traces with their gaps, and
//     tables of the worst gaps and of the operations.
//   - [Report.HTML]: the same as a page that loads nothing and has no JavaScript.
//   - [Report.JSON]: everything that the Report keeps, for programs. docs/report.md explains it.
//   - [Report.Perfetto]: the drawn traces, for ui.perfetto.dev and chrome://tracing.
//
// [Stacks] adds up gaps by stack: the operations from the root to the span that has the gap. Its
// formats are a profile for go tool pprof ([Stacks.Profile]) and folded stacks for flame graphs
// ([Stacks.Folded]).
//
// Package gap defines self time and the critical path.
//
// If a trace was made by [gap.Trace.Explained], every format says what the program did in its gaps.
// [Verdict] has it in words. [Report.AddNotes] adds what could not be known.
//
// Traces are untrusted input. Text, pages and profiles truncate long names and values of tags, and
// replace control characters and marks that change the direction of text by U+FFFD. Pages escape
// them. JSON and Perfetto's format have them as they came.
package report
