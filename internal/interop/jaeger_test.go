package interop_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
)

// newTracer returns a tracer of package tracer that reports to jaeger. flush sends what has not
// been sent.
func newTracer(t *testing.T, service string, jaeger servers.JaegerServer, opts ...tracer.Option) (
	_ opentracing.Tracer, flush func(),
) {
	t.Helper()
	tr, closer, err := tracer.New(service, append(opts, tracer.WithCollector(jaeger.CollectorURL))...)
	if err != nil {
		t.Fatal(err)
	}
	flush = func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(flush)
	return tr, flush
}

// jaegerSpan is a span in the JSON of Jaeger's query service.
type jaegerSpan struct {
	SpanID        string
	OperationName string
	StartTime     int64 // µs
	ProcessID     string
	References    []struct{ RefType, SpanID string }
	Tags          []struct {
		Key   string
		Value any
	}
	service string
}

func (s *jaegerSpan) tag(key string) any {
	for _, tag := range s.Tags {
		if tag.Key == key {
			return tag.Value
		}
	}
	return nil
}

// parent returns the ID of the span's parent, or "".
func (s *jaegerSpan) parent() (id string) {
	for _, ref := range s.References {
		if ref.RefType == "CHILD_OF" {
			id = ref.SpanID
		}
	}
	return id
}

// jaegerTree waits until Jaeger has count spans of a trace, and draws them as a tree, each with the
// named tags. It leaves out the spans for which dependsOnSpeed is true.
func jaegerTree(t *testing.T, jaeger servers.JaegerServer, trace string, count int, tags ...string) (
	tree string, spans []*jaegerSpan,
) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		spans = slices.DeleteFunc(queryJaeger(t, jaeger, trace), func(s *jaegerSpan) bool {
			return dependsOnSpeed(s.OperationName)
		})
		if len(spans) >= count || time.Now().After(deadline) {
			return drawJaegerTree(spans, tags), spans
		}
	}
}

func drawJaegerTree(spans []*jaegerSpan, tags []string) string {
	slices.SortFunc(spans, func(a, b *jaegerSpan) int { return cmp.Compare(a.StartTime, b.StartTime) })
	reported := map[string]bool{"": true}
	for _, s := range spans {
		reported[s.SpanID] = true
	}
	var b strings.Builder
	draw := func(s *jaegerSpan, indent string) {
		fmt.Fprintf(&b, "%s%s: %s", indent, s.service, s.OperationName)
		for _, key := range tags {
			if value := s.tag(key); value != nil {
				fmt.Fprintf(&b, " %s=%v", key, value)
			}
		}
		b.WriteByte('\n')
	}
	var drawChildren func(parent, indent string)
	drawChildren = func(parent, indent string) {
		for _, s := range spans {
			if s.parent() == parent {
				draw(s, indent)
				drawChildren(s.SpanID, indent+"  ")
			}
		}
	}
	drawChildren("", "")
	missing := false
	for _, s := range spans {
		if reported[s.parent()] {
			continue
		}
		if !missing {
			b.WriteString("(not in Jaeger)\n")
			missing = true
		}
		draw(s, "  ")
		drawChildren(s.SpanID, "    ")
	}
	return b.String()
}

// queryJaeger returns the spans of a trace that Jaeger has by now.
func queryJaeger(t *testing.T, jaeger servers.JaegerServer, trace string) (spans []*jaegerSpan) {
	t.Helper()
	res := spantest.Must(http.Get(jaeger.QueryURL + "/api/traces/" + trace))(t)
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return nil
	}
	var response struct {
		Data []struct {
			Spans     []*jaegerSpan
			Processes map[string]struct{ ServiceName string }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&response); err != nil {
		t.Fatal(err)
	}
	for _, trace := range response.Data {
		for _, s := range trace.Spans {
			s.service = trace.Processes[s.ProcessID].ServiceName
		}
		spans = append(spans, trace.Spans...)
	}
	return spans
}
