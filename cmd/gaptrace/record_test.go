package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/mark"
)

// record is the program of which the scripts explain gaps. It writes into the current directory an
// execution trace of its own requests, and variants of it:
//
//	trace.out       the execution trace
//	trace.out.gz    the same, compressed
//	spans.json      the spans in Jaeger's JSON
//	bundle.zip      trace.out and spans.json
//	truncated.out   trace.out without its end
//	clocked.out     an execution trace with the CPU clocks of threads
//	unmarked.out    an execution trace without marks
//	future.out      trace.out as if a later release of Go had written it
//	cpu.pb.gz       a CPU profile
//	*.zip           bundles that lack something or are damaged
func record() {
	unmarked := recordTrace(func() { time.Sleep(time.Millisecond) })
	var m marks
	traced := recordTrace(m.requests)
	clocked := recordTrace(func() {
		defer cpuclock.Start(cpuclock.Options{})()
		new(marks).requests()
	})
	var profile, spans bytes.Buffer
	must(pprof.StartCPUProfile(&profile))
	pprof.StopCPUProfile()
	must(jaegerjson.Write(&spans, m.traces...))

	future := bytes.Clone(traced)
	copy(future, "go 1.99 trace")
	for name, content := range map[string][]byte{
		"trace.out": traced, "trace.out.gz": gzipped(traced), "spans.json": spans.Bytes(),
		"truncated.out": traced[:len(traced)-100], "unmarked.out": unmarked, "future.out": future,
		"cpu.pb.gz": profile.Bytes(), "empty.out": nil, "clocked.out": clocked,
		"bundle.zip":    zipped(file{"trace.out", traced}, file{"spans.json", spans.Bytes()}),
		"onlytrace.zip": zipped(file{"trace.out", traced}),
		"notrace.zip":   zipped(file{"spans.json", spans.Bytes()}),
		"twice.zip":     zipped(file{"trace.out", traced}, file{"trace.out", traced}),
		"nottrace.zip":  zipped(file{"trace.out", spans.Bytes()}),
		"bomb.zip":      zipped(file{"trace.out", traced}, file{"spans.json", bytes.Repeat([]byte(" "), 10_000_000)}),
		"damaged.zip":   zipped(file{"trace.out", traced})[:1000],
	} {
		must(os.WriteFile(name, content, 0o666))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// recordTrace returns an execution trace of f. It has two generations, so that f is in the first,
// which can be read if the end is missing.
func recordTrace(f func()) []byte {
	var recorded bytes.Buffer
	must(trace.Start(&recorded))
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	must(recorder.Start())
	f()
	_, err := recorder.WriteTo(io.Discard) // ends the generation
	must(err)
	recorder.Stop()
	trace.Stop()
	return recorded.Bytes()
}

// marks are the spans that were finished.
type marks struct {
	mu     sync.Mutex
	traces [][]gap.Span
}

var shop = &gap.Process{Service: "shop"}

// start starts the span of a request, and returns a function that finishes it.
func (m *marks) start(id uint64, operation string) (finish func()) {
	span := mark.Mark{
		TraceID: gap.TraceID{Low: id}, SpanID: gap.SpanID(id), Kind: gap.KindServer, Service: shop.Service,
		Operation: operation, Start: time.Now(),
	}
	return func() {
		span.Duration = time.Since(span.Start)
		trace.Log(context.Background(), mark.Category, string(span.Append(nil)))
		m.mu.Lock()
		defer m.mu.Unlock()
		m.traces = append(m.traces, []gap.Span{span.Span(shop)})
	}
}

func (m *marks) requests() {
	finish := m.start(0xa1, "GET /burn")
	for range 10 {
		for began := time.Now(); time.Since(began) < 5*time.Millisecond; {
		}
		runtime.Gosched() // writes the stack, as the runtime does every 10 ms if it is not too busy
	}
	finish()

	var cart sync.Mutex
	locked, unlocked := make(chan bool), make(chan bool)
	go func() {
		finish := m.start(0xa2, "POST /cart")
		cart.Lock()
		close(locked)
		time.Sleep(50 * time.Millisecond)
		cart.Unlock()
		finish()
		close(unlocked)
	}()
	<-locked
	finish = m.start(0xa3, "GET /cart")
	cart.Lock()
	finish()
	cart.Unlock()
	<-unlocked

	supplier := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		time.Sleep(50 * time.Millisecond)
	}))
	defer supplier.Close()
	finish = m.start(0xa4, "GET /price")
	resp, err := http.Get(supplier.URL)
	must(err)
	resp.Body.Close()
	finish()
}

type file struct {
	name    string
	content []byte
}

func zipped(files ...file) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		must(err)
		_, err = w.Write(f.content)
		must(err)
	}
	must(z.Close())
	return b.Bytes()
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(content)
	must(err)
	must(z.Close())
	return b.Bytes()
}
