package debug_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
)

// tracesOf returns traces with each spans: a root with children one after the other, and a gap
// before each.
func tracesOf(traces, each int) fakeSource {
	var s fakeSource
	process := &gap.Process{Service: "bookshop"}
	for i := range traces {
		id := gap.TraceID{Low: uint64(i + 1)}
		spans := make([]gap.Span, each)
		for j := range spans {
			spans[j] = gap.Span{
				TraceID: id, SpanID: gap.SpanID(j + 1), Operation: "sql query",
				Start:    start.Add(time.Duration(j) * time.Millisecond),
				Duration: time.Millisecond / 2, Process: process, References: []gap.Reference{{TraceID: id, SpanID: 1}},
				Tags: []gap.Field{{Key: "span.kind", Value: "client"}},
			}
		}
		spans[0].Operation, spans[0].References = "HTTP GET /books", nil
		spans[0].Duration = time.Duration(len(spans)) * time.Millisecond
		spans[0].Tags = []gap.Field{{Key: "span.kind", Value: "server"}}
		s.traces = append(s.traces, spans)
	}
	return s
}

// BenchmarkFull measures a request while the Recorder is full. MB is the size of the answer.
func BenchmarkFull(b *testing.B) {
	for _, traces := range []int{10, 100} {
		h := debug.Handler(tracesOf(traces, 100_000/traces))
		for _, place := range []string{"/?", "/trace?id=1&"} {
			for _, format := range []string{"html", "text", "json", "perfetto", "pprof", "jaeger"} {
				b.Run(fmt.Sprintf("%d traces/%s%s", traces, place, format), func(b *testing.B) {
					b.ReportAllocs()
					n := 0
					for b.Loop() {
						w := httptest.NewRecorder()
						h.ServeHTTP(w, httptest.NewRequest("GET", place+"format="+format, nil))
						n = w.Body.Len()
					}
					b.ReportMetric(float64(n)/1e6, "MB")
				})
			}
		}
	}
}
