package debug_test

import (
	"slices"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// format=jaeger has what analysis needs: the report of what it serves is that of the Recorder. Tags
// and logs need an option.
func TestJaegerFormat(t *testing.T) {
	tr, recorder := newTracer(t)
	id := request(t, tr, "HTTP GET /books", time.Second, opentracing.Tag{Key: "secret", Value: "s3cret"})
	request(t, tr, "HTTP GET /slow", 2*time.Second, opentracing.Tag{Key: "error", Value: true})
	s := tr.StartSpan("logged")
	s.LogFields(log.String("event", "s3cret"))
	s.Finish()
	for target, want := range map[string]int{
		"/?format=jaeger": 3, "/profile?format=jaeger": 3, "/trace?id=" + id + "&format=jaeger": 1,
		"/?format=jaeger&bucket=error": 1, "/?format=jaeger&operation=x": 0,
	} {
		for _, tags := range []bool{false, true} {
			var opts []debug.Option
			if tags {
				opts = append(opts, debug.WithTags())
			}
			got := ask(t, debug.Handler(recorder, opts...), "GET", target)
			if got.Code != 200 || got.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%s: status %d, %v", target, got.Code, got.Header())
			}
			traces := 0
			for spans, err := range jaegerjson.Read(got.Body, read.WithEverything()) {
				if err != nil {
					t.Fatal(err)
				}
				traces++
				compareServed(t, target, spans, recorder.Trace(spans[0].TraceID), tags)
			}
			if traces != want {
				t.Errorf("%s: %d traces, want %d", target, traces, want)
			}
		}
	}
	if trace := recorder.Traces()[0]; !hasTag(trace, "secret") {
		t.Error("serving has changed the recorded spans")
	}
}

// compareServed compares the spans of a trace with those that were recorded.
func compareServed(t *testing.T, target string, served, recorded []gap.Span, tags bool) {
	t.Helper()
	a, _ := gap.Build(served)
	b, _ := gap.Build(recorded)
	// Jaeger's times are in microseconds.
	apart := func(a, b time.Duration) bool { return (a - b).Abs() > 2*time.Microsecond }
	if a.Len() != b.Len() || apart(a.SelfTime(), b.SelfTime()) || apart(a.CriticalTime(), b.CriticalTime()) {
		t.Errorf("%s: %d spans, self time %v; recorded: %d, %v", target, a.Len(), a.SelfTime(), b.Len(), b.SelfTime())
	}
	if got, want := hasTag(served, "secret"), tags && hasTag(recorded, "secret"); got != want {
		t.Errorf("%s: the tag is served: %v, want %v", target, got, want)
	}
	for _, key := range []string{"error", "span.kind"} {
		if hasTag(served, key) != hasTag(recorded, key) {
			t.Errorf("%s: the tag %s was lost", target, key)
		}
	}
	logged := func(s gap.Span) bool { return len(s.Logs) > 0 }
	if got, want := slices.ContainsFunc(served, logged), tags && slices.ContainsFunc(recorded, logged); got != want {
		t.Errorf("%s: logs are served: %v, want %v", target, got, want)
	}
	if p, q := served[0].Process, recorded[0].Process; p.Service != q.Service || len(p.Tags) == 0 ||
		(len(p.Tags) == len(q.Tags)) != tags {
		t.Errorf("%s: process %v, recorded %v", target, *p, *q)
	}
}

func hasTag(spans []gap.Span, key string) bool {
	return slices.ContainsFunc(spans, func(s gap.Span) bool {
		return slices.ContainsFunc(s.Tags, func(f gap.Field) bool { return f.Key == key })
	})
}
