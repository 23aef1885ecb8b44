package otlp_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// TestJaegerAnswers reads the answer of a real Jaeger's API v3, and compares it with what was sent.
func TestJaegerAnswers(t *testing.T) {
	jaeger := servers.Jaeger(t)
	recorder := tracer.NewRecorder(10)
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(recorder), tracer.WithCollector(jaeger.CollectorURL))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	root := tr.StartSpan("GET /", ext.SpanKindRPCServer, opentracing.StartTime(start))
	call := tr.StartSpan("sql query", ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()),
		opentracing.StartTime(start))
	call.SetTag("wait.joined_us", 120)
	ext.Error.Set(call, true)
	call.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(time.Millisecond)})
	root.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(2 * time.Millisecond)})
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	sent := recorder.Traces()[0]
	url := fmt.Sprintf("%s/api/v3/traces/%v", jaeger.QueryURL, sent[0].TraceID)
	var got []gap.Span
	for deadline := time.Now().Add(30 * time.Second); len(got) < len(sent); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in Jaeger")
		}
		got = nil
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		for spans, err := range otlp.Read(answer.Body, read.WithEverything()) {
			if err != nil && answer.StatusCode == http.StatusOK {
				t.Error(err)
			}
			got = append(got, spans...)
		}
		answer.Body.Close()
	}
	describe := func(spans []gap.Span) (lines string) {
		trace, warnings := gap.Build(spans)
		for _, w := range warnings {
			lines += fmt.Sprintln(w)
		}
		for n := range trace.Nodes() {
			s := n.Span()
			joined, _ := s.Tag("wait.joined_us")
			failed, _ := s.Tag("error")
			lines += fmt.Sprintln(s.Process.Service, s.TraceID, s.SpanID, s.Operation, n.Kind(), s.Start.UnixMicro(),
				joined, failed, len(s.References))
		}
		return lines
	}
	if a, b := describe(got), describe(sent); a != b {
		t.Errorf("Jaeger answers\n%s\nsent\n%s", a, b)
	}
}
