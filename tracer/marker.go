package tracer

import (
	"context"
	"runtime/trace"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/gap/mark"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// marker is a reporter that first writes a mark into the execution trace, if one is being recorded.
// Jaeger's tracer calls Report on the goroutine that finishes the span.
type marker struct {
	*reporter
	service string
	fields  *spanFields // nil if spans are read by their accessors
}

// withMarks returns r, or a reporter that also writes marks.
func (o *options) withMarks(r *reporter, service string) jaeger.Reporter {
	if !o.executionTrace {
		return r
	}
	return &marker{r, service, findSpanFields()}
}

func (m *marker) Report(span *jaeger.Span) {
	if trace.IsEnabled() {
		cpuclock.Read()
		m.write(span)
	}
	m.reporter.Report(span)
}

// write writes the mark. It runs no code of the program, such as a tag's String method.
func (m *marker) write(span *jaeger.Span) {
	var refs [mark.MaxReferences]gap.Reference
	var buf [256]byte // enough for most spans
	s := mark.Mark{Service: m.service}
	if m.fields != nil {
		s.References = m.fields.read(span, &s, refs[:0])
	} else {
		s.References = readSpan(span, &s, refs[:0])
	}
	trace.Log(context.Background(), mark.Category, string(s.Append(buf[:0])))
}

// readSpan reads a span by its accessors.
func readSpan(span *jaeger.Span, m *mark.Mark, refs []gap.Reference) []gap.Reference {
	c := span.SpanContext()
	m.TraceID, m.SpanID = gap.TraceID(c.TraceID()), gap.SpanID(c.SpanID())
	m.Operation = span.OperationName()
	m.Start = span.StartTime()
	m.Duration = span.Duration()
	for _, ref := range span.References() {
		if to, ok := ref.ReferencedContext.(jaeger.SpanContext); ok {
			refs = append(refs, reference(ref.Type, &to))
		}
	}
	for key, value := range span.Tags() {
		m.SetTag(key, value)
	}
	return withParent(refs, &c)
}

// withParent adds the parent in front if refs lacks it, as after jaeger.SelfRef. Jaeger's backend
// also puts it there.
func withParent(refs []gap.Reference, c *jaeger.SpanContext) []gap.Reference {
	parent := gap.Reference{Type: gap.ChildOf, TraceID: gap.TraceID(c.TraceID()), SpanID: gap.SpanID(c.ParentID())}
	if parent.SpanID == 0 {
		return refs
	}
	for i := range refs {
		if refs[i].SpanID == parent.SpanID && refs[i].TraceID == parent.TraceID {
			return refs
		}
	}
	return slices.Insert(refs, 0, parent)
}

func reference(t opentracing.SpanReferenceType, to *jaeger.SpanContext) gap.Reference {
	r := gap.Reference{TraceID: gap.TraceID(to.TraceID()), SpanID: gap.SpanID(to.SpanID())}
	if t == opentracing.FollowsFromRef {
		r.Type = gap.FollowsFrom
	}
	return r
}
