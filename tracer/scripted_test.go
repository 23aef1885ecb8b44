package tracer

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/tracer/internal/settings"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
	"github.com/uber/jaeger-client-go/thrift"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// resetting is a connection that its peer resets after left bytes.
type resetting struct {
	net.Conn
	left int
}

func (c *resetting) Write(b []byte) (int, error) {
	if c.left -= len(b); c.left < 0 {
		c.Conn.Close()
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return c.Conn.Write(b)
}

// scripted is a collector whose answers a test chooses.
type scripted struct {
	answer func(s *scripted, w http.ResponseWriter, r *http.Request) // accepts or refuses the spans

	flush time.Duration // the flush interval; 0 for one so long that batches are full
	cut   int           // a connection is reset if a request has more bytes; 0 for no limit

	mu     sync.Mutex
	taken  []string
	at     []time.Time // of the requests
	body   []byte      // of the last complete request
	logged strings.Builder
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	s.at = append(s.at, time.Now())
	if err == nil {
		s.body = body
	}
	s.mu.Unlock()
	if err == nil {
		s.answer(s, w, r)
	}
}

// request returns the number of the current request, from 1.
func (s *scripted) request() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at)
}

func (s *scripted) take(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buf := thrift.NewTMemoryBuffer()
	buf.Write(s.body)
	batch := new(j.Batch)
	if err := batch.Read(context.Background(), thrift.NewTBinaryProtocolConf(buf, nil)); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, span := range batch.Spans {
		s.taken = append(s.taken, span.OperationName)
	}
	w.WriteHeader(http.StatusAccepted)
}

// sendTo runs use in a synctest bubble, with a tracer that sends to s.
func sendTo(t *testing.T, s *scripted, queue int, use func(tr *jaeger.Tracer, closeAll func() error, stats *Stats)) {
	synctest.Test(t, func(t *testing.T) {
		listener := make(spantest.Pipes)
		server := &http.Server{Handler: s}
		served := make(chan bool)
		go func() { server.Serve(listener); close(served) }()
		s.flush = cmp.Or(s.flush, 1000*time.Hour)
		o := &options{stats: new(Stats), logger: slog.New(slog.NewTextHandler(&s.logged, nil))}
		set := &settings.Settings{BatchSize: 100, MaxTagValue: jaeger.DefaultMaxTagValueLength}
		set.Reporter = &config.ReporterConfig{
			CollectorEndpoint: "http://collector/api/traces?token=secret", QueueSize: queue,
			BufferFlushInterval: s.flush,
		}
		r, err := newReporter(set, o)
		if err != nil {
			t.Fatal(err)
		}
		c := r.sender.Transport.(*collector[[]byte])
		h := c.transport
		h.Proxy = nil
		h.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := listener.Dial(ctx, network, addr)
			if s.cut > 0 {
				conn = &resetting{conn, s.cut}
			}
			return conn, err
		}
		tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
		use(tr.(*jaeger.Tracer), func() error {
			closer.Close()
			synctest.Wait() // for handlers whose client has gone
			return r.err()
		}, o.stats)
		closer.Close()
		server.Close()
		<-served
	})
}

// script is an answer of a scripted collector.
type script = func(*scripted, http.ResponseWriter, *http.Request)

func status(code int, retryAfter string) script {
	return func(_ *scripted, w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
	}
}

func atFirst(requests int, first script) script {
	return func(s *scripted, w http.ResponseWriter, r *http.Request) {
		if s.request() <= requests {
			first(s, w, r)
			return
		}
		s.take(w)
	}
}

func inTurn(answers ...script) script {
	return func(s *scripted, w http.ResponseWriter, r *http.Request) {
		answers[(s.request()-1)%len(answers)](s, w, r)
	}
}

func busyForAMinute(s *scripted, w http.ResponseWriter, r *http.Request) {
	status(429, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))(s, w, r)
}

func halfAnAnswer(_ *scripted, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	w.WriteHeader(429)
	w.Write([]byte("x"))
}

func takeAtLength(s *scripted, w http.ResponseWriter, _ *http.Request) {
	s.take(w)
	for range 100 {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

func take(s *scripted, w http.ResponseWriter, _ *http.Request) { s.take(w) }

func limit(bytes int64) script {
	return func(s *scripted, w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > bytes {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		s.take(w)
	}
}

func redirect(code int, to string) script {
	return func(s *scripted, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/taken" {
			s.take(w)
			return
		}
		if to != "" {
			w.Header().Set("Location", to)
		}
		w.WriteHeader(code)
	}
}

func hangUp(_ *scripted, w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

func sleep(d time.Duration, answer script) script {
	return func(s *scripted, w http.ResponseWriter, r *http.Request) {
		time.Sleep(d)
		answer(s, w, r)
	}
}
