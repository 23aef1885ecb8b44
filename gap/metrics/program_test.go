package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/gap/metrics"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// program is a service that calls another one. It serves its metrics.
type program struct {
	*http.ServeMux
	collector *metrics.Collector
}

// newProgram returns a program that reports to a Jaeger collector.
func newProgram(t *testing.T, endpoint string) *program {
	t.Helper()
	recorder := tracer.NewRecorder(0)
	var stats tracer.Stats
	tr, closer, err := tracer.New("bookshop",
		tracer.WithRecorder(recorder), tracer.WithStats(&stats), tracer.WithCollector(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &program{http.NewServeMux(), metrics.NewCollector(recorder, metrics.WithStats(&stats))}
	t.Cleanup(p.collector.Close)
	registry := prometheus.NewRegistry()
	registry.MustRegister(p.collector)

	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "4 stars")
	}))
	t.Cleanup(other.Close)
	client := nethttp.WrapClient(other.Client(), gaptrace.WithTracer(tr))
	books := http.NewServeMux()
	books.HandleFunc("GET /books/{id}", func(w http.ResponseWriter, req *http.Request) {
		res, err := nethttp.Get(req.Context(), client, other.URL)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		_, _ = io.Copy(w, res.Body)
	})
	p.Handle("/books/", nethttp.WrapHandler(books, gaptrace.WithTracer(tr)))
	p.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	return p
}

// request sends the program a request.
func (p *program) request(t *testing.T) {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", "/books/1", nil))
	if !strings.Contains(w.Body.String(), "4 stars") {
		t.Fatal(w.Code, w.Body)
	}
}
