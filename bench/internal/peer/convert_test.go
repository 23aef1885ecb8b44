package peer

import (
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"gopkg.in/DataDog/dd-trace-go.v1/ddtrace/mocktracer"
	"gopkg.in/DataDog/dd-trace-go.v1/ddtrace/tracer"
)

// at is a time that a conversion through microseconds would change.
var at = time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)

const lasted = 1234567 * time.Nanosecond

func check(t *testing.T, got gap.Span, trace gap.TraceID, parent gap.SpanID, kind string) {
	t.Helper()
	if got.TraceID != trace || got.Operation != "call" || !got.Start.Equal(at) || got.Duration != lasted {
		t.Errorf("%+v", got)
	}
	if len(got.References) != 1 ||
		got.References[0] != (gap.Reference{Type: gap.ChildOf, TraceID: trace, SpanID: parent}) {
		t.Errorf("references %v", got.References)
	}
	tags := map[string]any{}
	for _, tag := range got.Tags {
		tags[tag.Key] = tag.Value
	}
	if tags["span.kind"] != kind || tags["rows"] != "7" {
		t.Errorf("tags %v", tags)
	}
}

func TestFromOpenTelemetry(t *testing.T) {
	ids := func(span byte) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{7: 1, 15: 2}, SpanID: trace.SpanID{7: span},
		})
	}
	stub := tracetest.SpanStub{
		Name: "call", SpanContext: ids(4), Parent: ids(3), SpanKind: trace.SpanKindClient,
		StartTime: at, EndTime: at.Add(lasted), Attributes: []attribute.KeyValue{attribute.Int("rows", 7)},
	}
	got := fromOpenTelemetry(stub.Snapshot())
	check(t, got, gap.TraceID{High: 1, Low: 2}, 3, "client")
	if got.SpanID != 4 {
		t.Errorf("id %v", got.SpanID)
	}
	stub.Parent = trace.SpanContext{}
	if root := fromOpenTelemetry(stub.Snapshot()); len(root.References) != 0 {
		t.Errorf("references of a root: %v", root.References)
	}
}

func TestFromDatadog(t *testing.T) {
	mock := mocktracer.Start()
	defer mock.Stop()
	root := tracer.StartSpan("root")
	call := tracer.StartSpan("call", tracer.ChildOf(root.Context()),
		tracer.StartTime(at), tracer.Tag("span.kind", "client"), tracer.Tag("rows", 7))
	call.Finish(tracer.FinishTime(at.Add(lasted)))
	root.Finish()
	spans := mock.FinishedSpans()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	parent := fromDatadog(spans[1])
	check(t, fromDatadog(spans[0]), parent.TraceID, parent.SpanID, "client")
	if len(parent.References) != 0 || parent.TraceID == (gap.TraceID{}) {
		t.Errorf("the root: %+v", parent)
	}
}
