package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/spantest/cputime"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

// BenchmarkSpan records requests with calls, and measures the CPU time of the whole process: of the
// goroutine that records them, the observer's goroutine and the garbage collector. The three cases
// alternate, so that a busy machine disturbs them alike. The difference to the case without an
// observer is what an observer alone or a collector adds.
func BenchmarkSpan(b *testing.B) {
	const requests = 100 // before the next case's turn; more than 1,000 might not be observed
	for _, calls := range []int{0, 4, 24} {
		b.Run(fmt.Sprintf("%d spans in a request", calls+1), func(b *testing.B) {
			cases := []struct {
				name    string
				observe func([]gap.Span)
				took    time.Duration
			}{
				{"recorded", nil, 0},
				{"observer-adds", func([]gap.Span) {}, 0},
				{"collector-adds", newObserver(defaultMaxOperations).observe, 0},
			}
			recorder := tracer.NewRecorder(0)
			t, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
			if err != nil {
				b.Fatal(err)
			}
			defer closer.Close()
			spans := 0
			for b.Loop() {
				for i := range cases {
					begun := cputime.OfProcess()
					stop := func() {}
					if cases[i].observe != nil {
						stop = recorder.Observe(cases[i].observe, 0)
					}
					for range requests {
						record(t, calls)
					}
					stop()
					cases[i].took += cputime.OfProcess() - begun
				}
				spans += requests * (calls + 1)
			}
			for _, c := range cases {
				took := c.took
				if c.observe != nil {
					took -= cases[0].took
				}
				b.ReportMetric(float64(took)/float64(spans), c.name+"-ns/span")
			}
			if n := recorder.Unobserved(); n > 0 {
				b.Fatalf("%d requests were not observed", n)
			}
		})
	}
}

var components = []string{"database/sql", "go-redis", "net/http", "go-elasticsearch"}

// record records a request with calls, with the tags of gaptrace's wrappers.
func record(t opentracing.Tracer, calls int) {
	start := time.Now()
	request := t.StartSpan("HTTP GET /books/{id}", opentracing.StartTime(start), opentracing.Tags{
		"span.kind": "server", "component": "net/http", "http.method": "GET", "http.url": "/books/1",
	})
	for i := range calls {
		component := components[i%len(components)]
		call := t.StartSpan(component+" call", opentracing.ChildOf(request.Context()),
			opentracing.StartTime(start.Add(time.Duration(2*i)*time.Millisecond)), opentracing.Tags{
				"span.kind": "client", "component": component, "db.statement": "SELECT 1",
				"wait.count": 1, "wait.us": int64(1000), "wait.joined_us": int64(0),
			})
		call.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(time.Duration(2*i+1) * time.Millisecond)})
	}
	request.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(time.Duration(2*calls+1) * time.Millisecond)})
}
