package otlp

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/gaptrace/gaptrace/tracer/internal/export"
	"github.com/opentracing/opentracing-go"
	collectorpb "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// setenv sets the variables of Jaeger and OpenTelemetry to name=value pairs, and no others.
func setenv(t testing.TB, pairs ...string) {
	t.Helper()
	for _, s := range os.Environ() {
		if name, _, _ := strings.Cut(s, "="); strings.HasPrefix(name, "JAEGER_") || strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for _, s := range pairs {
		name, value, _ := strings.Cut(s, "=")
		t.Setenv(name, value)
	}
}

// receiver is a collector that keeps what it accepts.
type receiver struct {
	answer func(request int, w http.ResponseWriter) // answers and returns, or panics; nil accepts all

	mu       sync.Mutex
	headers  []http.Header
	paths    []string
	at       []time.Time
	sizes    []int64
	accepted []*tracepb.ResourceSpans
}

// taken is what a scripted answer panics with, so that the spans are accepted.
type taken struct{}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.headers = append(r.headers, req.Header)
	r.paths = append(r.paths, req.Method+" "+req.URL.RequestURI())
	r.at = append(r.at, time.Now())
	r.sizes = append(r.sizes, req.ContentLength)
	n := len(r.at)
	r.mu.Unlock()
	var body io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	text, err := io.ReadAll(body)
	message := new(collectorpb.ExportTraceServiceRequest)
	if err != nil || proto.Unmarshal(text, message) != nil {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	if r.answer != nil && !r.takes(n, w) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted = append(r.accepted, message.GetResourceSpans()...)
}

// takes answers a request, and reports whether its spans are accepted.
func (r *receiver) takes(n int, w http.ResponseWriter) (ok bool) {
	defer func() {
		if p := recover(); p == (taken{}) {
			ok = true
		} else if p != nil {
			panic(p)
		}
	}()
	r.answer(n, w)
	return false
}

func (r *receiver) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.at)
}

// spans returns the spans that were accepted.
func (r *receiver) spans() (spans []*tracepb.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range r.accepted {
		for _, ss := range rs.GetScopeSpans() {
			spans = append(spans, ss.GetSpans()...)
		}
	}
	return spans
}

// text returns attributes as text, in their order.
func text(attributes []*commonpb.KeyValue) string {
	var all []string
	for _, a := range attributes {
		all = append(all, a.GetKey()+"="+valueText(a.GetValue()))
	}
	return strings.Join(all, " ")
}

func valueText(value *commonpb.AnyValue) string {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return fmt.Sprintf("%q", v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return fmt.Sprintf("%.2f", v.DoubleValue)
	case *commonpb.AnyValue_BytesValue:
		return fmt.Sprintf("%x", v.BytesValue)
	case *commonpb.AnyValue_ArrayValue:
		var all []string
		for _, v := range v.ArrayValue.GetValues() {
			all = append(all, valueText(v))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	return "none"
}

// overPipes is an option that connects to p. refuse, if it is not nil, may refuse a connection.
func overPipes(p spantest.Pipes, refuse func() error) Option {
	return tracer.WithExport(func(s *export.Settings) error {
		configure := s.Backend.Configure
		s.Backend.Configure = func(t *http.Transport) {
			configure(t)
			t.Proxy = nil
			t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				if refuse != nil {
					if err := refuse(); err != nil {
						return nil, err
					}
				}
				return p.Dial(ctx, network, address)
			}
		}
		return nil
	})
}

// sendTo runs use in a synctest bubble, with a tracer that sends to r.
func sendTo(t *testing.T, r *receiver, refuse func() error,
	use func(tr opentracing.Tracer, closer io.Closer, stats *tracer.Stats),
) {
	synctest.Test(t, func(t *testing.T) {
		listener := make(spantest.Pipes)
		server := &http.Server{Handler: r}
		served := make(chan bool)
		go func() { server.Serve(listener); close(served) }()
		stats := new(tracer.Stats)
		var env environment
		tr, closer, err := tracer.New("shop", tracer.WithStats(stats), env.option(), overPipes(listener, refuse))
		if err != nil {
			t.Fatal(err)
		}
		use(tr, closer, stats)
		closer.Close()
		server.Close()
		time.Sleep(2 * time.Hour) // for handlers that hang
		<-served
	})
}
