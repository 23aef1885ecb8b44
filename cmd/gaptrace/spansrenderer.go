package main

import (
	"bufio"
	"fmt"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// spansRenderer writes the spans of traces, in the order in which they are complete. It keeps none
// of them.
type spansRenderer struct {
	buffer *bufio.Writer
	spans  spansWriter
	again  int   // traces seen again
	err    error // the first one, which ends writing
}

type spansWriter interface {
	Write(spans []gap.Span) error
	Close() error
}

func newSpansRenderer(format string, out *output) *spansRenderer {
	r := &spansRenderer{buffer: bufio.NewWriterSize(out, 64<<10)}
	if r.spans = jaegerjson.NewWriter(r.buffer); format == "otlp" {
		r.spans = otlpLines{r.buffer}
	}
	return r
}

// otlpLines writes each trace as an export request on a line of its own, as the Collector's file
// exporter does.
type otlpLines struct{ *bufio.Writer }

func (w otlpLines) Write(spans []gap.Span) error { return otlp.Write(w.Writer, spans) }

func (w otlpLines) Close() error { return w.Flush() }

func (r *spansRenderer) add(t *gap.Trace, _ []gap.Warning) {
	if r.err == nil {
		r.err = r.spans.Write(spansOf(t))
	}
}

// spansOf returns the spans of a trace as they were read, each once and with the trace's ID.
func spansOf(t *gap.Trace) []gap.Span {
	id := t.ID()
	half := func(ref gap.Reference) bool { return ref.TraceID != id && ref.TraceID == gap.TraceID{Low: id.Low} }
	spans := make([]gap.Span, 0, t.Len())
	for n := range t.Nodes() {
		s := *n.Span()
		if s.TraceID = id; slices.ContainsFunc(s.References, half) {
			s.References = slices.Clone(s.References)
			for i, ref := range s.References {
				if half(ref) {
					s.References[i].TraceID = id
				}
			}
		}
		spans = append(spans, s)
	}
	return spans
}

func (r *spansRenderer) addSeenAgain() { r.again++ }

func (r *spansRenderer) addNotes(notes []string) []string {
	if r.again > 0 {
		notes = append(notes, fmt.Sprintf("%d %s of traces came later than --join-window allows: "+
			"each is written as a separate trace", r.again, printable.Plural(r.again, "part")))
	}
	return notes
}

func (r *spansRenderer) write(*output, *options) error {
	if r.err == nil {
		r.err = r.spans.Close()
	}
	return r.err
}
