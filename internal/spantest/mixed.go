package spantest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// Mixed makes many calls at once, each under a span of its own and with a text of its own, and
// fails if a span with that text is not below that span. A call may use its results after its end.
// It is for wrappers whose calls use memory again.
func Mixed(
	t *testing.T, tracer opentracing.Tracer, spans *jaeger.InMemoryReporter, call func(ctx context.Context, text string),
) {
	t.Helper()
	const callers, calls = 8, 300
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for i := range calls {
				text := fmt.Sprintf("call%dof%d", i, caller)
				parent := tracer.StartSpan(text)
				call(opentracing.ContextWithSpan(t.Context(), parent), text)
				parent.Finish()
			}
		})
	}
	group.Wait()
	parents := map[jaeger.SpanID]string{}
	for _, s := range spans.GetSpans() {
		if c := s.(*jaeger.Span).SpanContext(); c.ParentID() == 0 {
			parents[c.SpanID()] = s.(*jaeger.Span).OperationName()
		}
	}
	children := 0
	for _, s := range spans.GetSpans() {
		span := s.(*jaeger.Span)
		statement, ok := span.Tags()[string(ext.DBStatement)].(string)
		if !ok {
			continue
		}
		children++
		if text := parents[span.SpanContext().ParentID()]; text == "" || !strings.Contains(statement, text) {
			t.Fatalf("a span with %q is below %q", statement, text)
		}
	}
	if children < callers*calls {
		t.Errorf("%d spans of calls, want at least %d", children, callers*calls)
	}
}
