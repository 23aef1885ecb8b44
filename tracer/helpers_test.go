package tracer_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go/thrift"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// setenv sets the JAEGER_* environment to name=value pairs, and nothing else.
func setenv(t *testing.T, pairs ...string) {
	t.Helper()
	for _, s := range os.Environ() {
		if name, _, _ := strings.Cut(s, "="); strings.HasPrefix(name, "JAEGER_") {
			t.Setenv(name, "")
		}
	}
	for _, s := range pairs {
		name, value, _ := strings.Cut(s, "=")
		t.Setenv(name, value)
	}
}

// open calls tracer.New, which must succeed.
func open(t *testing.T, opts ...tracer.Option) (opentracing.Tracer, io.Closer) {
	t.Helper()
	tr, closer, err := tracer.New("shop", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return tr, closer
}

func recording(t *testing.T) (opentracing.Tracer, *tracer.Recorder) {
	setenv(t)
	r := tracer.NewRecorder(0)
	tr, _ := open(t, tracer.WithRecorder(r))
	return tr, r
}

// carried parses headers, one on each line.
func carried(lines string) opentracing.HTTPHeadersCarrier {
	h := http.Header{}
	for line := range strings.SplitSeq(lines, "\n") {
		if k, v, ok := strings.Cut(line, ": "); ok {
			h.Add(k, v)
		}
	}
	return opentracing.HTTPHeadersCarrier(h)
}

func extract(t *testing.T, tr opentracing.Tracer, lines string) opentracing.SpanContext {
	t.Helper()
	c, err := tr.Extract(opentracing.HTTPHeaders, carried(lines))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func headers(t *testing.T, tr opentracing.Tracer, c opentracing.SpanContext) http.Header {
	t.Helper()
	h := http.Header{}
	if err := tr.Inject(c, opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(h)); err != nil {
		t.Fatal(err)
	}
	return h
}

// collector is a collector that keeps what it receives.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	batches []*j.Batch
	paths   []string
	auth    []string

	authorization []string
}

func startCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		buf := thrift.NewTMemoryBuffer()
		buf.Write(body)
		batch := new(j.Batch)
		if err := batch.Read(context.Background(), thrift.NewTBinaryProtocolConf(buf, nil)); err != nil {
			t.Errorf("not thrift: %v", err)
		}
		user, password, _ := r.BasicAuth()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.batches = append(c.batches, batch)
		c.paths = append(c.paths, r.Method+" "+r.URL.Path)
		c.auth = append(c.auth, user+":"+password)
		c.authorization = append(c.authorization, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(c.Server.Close)
	return c
}

func (c *collector) spans() (spans []*j.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.batches {
		spans = append(spans, b.Spans...)
	}
	return spans
}

func tag(tags []*j.Tag, key string) string {
	for _, t := range tags {
		if t.Key == key {
			return t.GetVStr()
		}
	}
	return "(none)"
}

// until waits until done returns true. It fails with what.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 6000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal(what)
}

// noneLeft fails unless all goroutines of tracers end within two seconds.
func noneLeft(t *testing.T) {
	t.Helper()
	var left string
	for range 200 {
		buf := make([]byte, 1<<20)
		left = ""
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			ours := strings.Contains(g, "jaeger-client-go") || strings.Contains(g, "persistConn")
			if ours && !strings.Contains(g, "testutils") { // the peer of a test
				left += g + "\n\n"
			}
		}
		if left == "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines left behind:\n%s", left)
}
