package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

// BenchmarkSpan records requests with calls, and measures the CPU time of the whole process: of the
// goroutine that records them, of the observer's and of the garbage collector. A collector adds the
// difference to the case without one.
func BenchmarkSpan(b *testing.B) {
	for _, calls := range []int{0, 4, 24} {
		var without time.Duration
		for _, c := range []struct {
			name     string
			observer func() func([]gap.Span)
		}{
			{"no observer", nil},
			{"an observer that does nothing", func() func([]gap.Span) { return func([]gap.Span) {} }},
			{"collector", func() func([]gap.Span) { return newObserver(defaultMaxOperations).observe }},
		} {
			b.Run(fmt.Sprintf("%d spans in a request/%s", calls+1, c.name), func(b *testing.B) {
				recorder := tracer.NewRecorder(0)
				t, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
				if err != nil {
					b.Fatal(err)
				}
				defer closer.Close()
				var observe func([]gap.Span)
				if c.observer != nil {
					observe = c.observer()
				}
				b.ReportAllocs()
				begun := cpuTime()
				for left := b.N; left > 0; left -= 500 {
					stop := func() {}
					if observe != nil {
						stop = recorder.Observe(observe, 0)
					}
					for range min(left, 500) { // more might not be observed
						record(t, calls)
					}
					stop()
				}
				each := (cpuTime() - begun) / time.Duration(b.N*(calls+1))
				b.ReportMetric(float64(each), "CPU-ns/span")
				if c.observer == nil {
					without = each
				} else {
					b.ReportMetric(float64(each-without), "added-CPU-ns/span")
				}
				if n := recorder.Unobserved(); n > 0 {
					b.Fatalf("%d requests were not observed", n)
				}
			})
		}
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
