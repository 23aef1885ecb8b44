package metrics_test

import (
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap/metrics"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func ExampleNewCollector() {
	recorder := tracer.NewRecorder(0)
	var stats tracer.Stats
	t, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder), tracer.WithStats(&stats))
	if err != nil {
		log.Fatal(err)
	}
	defer closer.Close()
	collector := metrics.NewCollector(recorder, metrics.WithStats(&stats))
	defer collector.Close()
	prometheus.MustRegister(collector)
	opentracing.SetGlobalTracer(t)

	http.Handle("/metrics", promhttp.HandlerFor(prometheus.DefaultGatherer, promhttp.HandlerOpts{
		EnableOpenMetrics: true, // for exemplars
	}))
}

// The metrics of a pool count all calls, sampled or not.
func ExampleWithDB() {
	db := sql.OpenDB(connections{}) // or that of your program
	defer db.Close()
	collector := metrics.NewCollector(tracer.NewRecorder(0), metrics.WithDB("books", db))
	defer collector.Close()
	fmt.Println(testutil.CollectAndCount(collector, "gaptrace_pool_waits_total"))
	// Output: 1
}

// A request of 10 ms makes a call of 4 ms, so its self time is 6 ms.
func Example_selfTime() {
	recorder := tracer.NewRecorder(0)
	t, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
	if err != nil {
		log.Fatal(err)
	}
	defer closer.Close()
	collector := metrics.NewCollector(recorder)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector)

	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	request := t.StartSpan("HTTP GET /books", opentracing.StartTime(start))
	query := t.StartSpan("sql query", opentracing.ChildOf(request.Context()), opentracing.StartTime(at(3)),
		opentracing.Tags{"span.kind": "client", "component": "database/sql"})
	query.FinishWithOptions(opentracing.FinishOptions{FinishTime: at(7)})
	request.FinishWithOptions(opentracing.FinishOptions{FinishTime: at(10)})
	collector.Close() // counts what has finished

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasSuffix(f.GetName(), "_seconds") {
			continue
		}
		for _, m := range f.GetMetric() {
			fmt.Println(f.GetName(), m.GetLabel()[0].GetValue(), m.GetHistogram().GetSampleSum())
		}
	}
	// Output:
	// gaptrace_critical_self_time_seconds HTTP GET /books 0.006
	// gaptrace_duration_seconds HTTP GET /books 0.01
	// gaptrace_duration_seconds sql query 0.004
	// gaptrace_self_time_seconds HTTP GET /books 0.006
}
