// Package report writes what [gap] finds in traces: as text, a page, JSON, and for the tools that people have.
//
//	r := report.New(report.Options{})
//	for spans, err := range jaegerjson.Read(file) {
//		…
//		r.Add(gap.Build(spans))
//	}
//	err := r.Text(os.Stdout, report.TextOptions{})
//
// A [Report] is one model with many faces. It keeps a summary of all operations, the worst gaps, and the traces that are worth
// drawing; the other traces may be dropped.
//
//   - [Report.Text]: waterfalls with their gaps, tables of the worst gaps and of the operations, for a terminal.
//   - [Report.JSON]: all of it, for programs. docs/report.md has the schema.
//   - [Report.HTML]: a page that needs nothing else, and no JavaScript.
//   - [Report.Perfetto]: the traces that are drawn, for ui.perfetto.dev and chrome://tracing.
//
// [Stacks] adds up gaps by the operations that led to them, from the root to the span: a profile for go tool pprof
// ([Stacks.Profile]), or folded stacks for flame graphs ([Stacks.Folded]).
//
// What traces hold is shown as text: control characters and marks that turn the direction of text become U+FFFD in text and on
// pages, long names are cut there, and pages escape all of it. Self time and critical path are as package gap defines them.
package report
