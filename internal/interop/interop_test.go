package interop_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// A side is one of the two ways in which every test runs the code of strangers: as it is, or through the wrappers.
// What that code gets is told, and must be the same on both.
type side struct {
	*testing.T
	ctx     context.Context  // the caller's, with its span, "caller", on the wrapped side
	tracer  *spantest.Tracer // nil on the raw side
	servers []*server
	idle    []*http.Transport
	last    []func()  // to be done when the servers have been closed
	echoed  time.Time // when the handler of a WebSocket was about to return

	mu   sync.Mutex
	told map[string][]string
}

// tell notes what somebody got. Several may tell at once: what each tells is kept in its order.
func (s *side) tell(who, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[who] = append(s.told[who], fmt.Sprintf(format, args...))
}

// compare runs use on both sides and fails where they tell different things. It returns what the wrapped side drew,
// when all its handlers have returned.
func compare(t *testing.T, use func(s *side)) *spantest.Tracer {
	t.Helper()
	raw := run(t, nil, use)
	wrapped := run(t, spantest.NewTracer(), use)
	if got, want := wrapped.story(), raw.story(); got != want {
		t.Errorf("raw:\n%s\nwrapped:\n%s", want, got)
	}
	return wrapped.tracer
}

func run(t *testing.T, tracer *spantest.Tracer, use func(s *side)) *side {
	// The deadline ends what hangs, and decides nothing else.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := &side{T: t, ctx: ctx, tracer: tracer, told: map[string][]string{}}
	if tracer != nil {
		caller := tracer.StartSpan("caller")
		defer caller.Finish()
		s.ctx = opentracing.ContextWithSpan(ctx, caller)
	}
	defer func() {
		if t.Failed() {
			cancel() // some handler may wait for what will not come
		}
		s.finish()
	}()
	use(s)
	return s
}

// finish closes the servers. What their handlers tell and draw has been told and drawn then.
func (s *side) finish() {
	for _, transport := range s.idle {
		transport.CloseIdleConnections()
	}
	for _, server := range slices.Backward(s.servers) { // those that call before those that are called
		server.Close()
		server.handlers.Wait()
	}
	for _, f := range s.last {
		f()
	}
}

func (s *side) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, who := range slices.Sorted(maps.Keys(s.told)) {
		for _, line := range s.told[who] {
			fmt.Fprintf(&b, "%s: %s\n", who, line)
		}
	}
	return s.anonymous(b.String())
}

// anonymous is text without the servers' ports, which differ between the sides.
func (s *side) anonymous(text string) string {
	for i, server := range s.servers {
		text = strings.ReplaceAll(text, server.Listener.Addr().String(), fmt.Sprint("SERVER", i))
	}
	return text
}

// server is one that knows when its handlers have returned: net/http's does not wait for those of HTTP/2, nor for
// those that hijacked a connection.
type server struct {
	*httptest.Server
	protocol string
	handlers sync.WaitGroup
}

var quiet = log.New(io.Discard, "", 0)

// protocols are the ways in which the tests' clients and servers talk to each other.
var protocols = []string{"HTTP/1.1", "HTTP/2"}

// serve serves h, behind WrapHandler on the wrapped side. Over HTTP/2 it is a server with TLS, which speaks HTTP/1.1 to
// those that ask for it.
func (s *side) serve(protocol string, h http.Handler) *server {
	if s.tracer != nil {
		h = nethttp.WrapHandler(h, gaptrace.WithTracer(s.tracer))
	}
	server := &server{protocol: protocol}
	server.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.handlers.Add(1)
		defer server.handlers.Done()
		h.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = quiet
	if protocol == "HTTP/2" {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	s.servers = append(s.servers, server)
	return server
}

// trust is what a client needs to believe the server, nil where there is no TLS.
func (s *server) trust() *tls.Config {
	if s.TLS == nil {
		return nil
	}
	return &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
}

// transport is http.DefaultTransport, wrapped on the wrapped side. It is a copy that believes the server, and that finds
// no other test's connections.
func (s *side) transport(to *server) http.RoundTripper {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = to.trust()
	s.idle = append(s.idle, transport)
	if s.tracer == nil {
		return transport
	}
	return nethttp.Wrap(transport, gaptrace.WithTracer(s.tracer))
}

func (s *side) client(to *server) *http.Client { return &http.Client{Transport: s.transport(to)} }

// proxy serves a httputil.ReverseProxy to another server, over the same protocol. What it logs is told.
func (s *side) proxy(to *server, adjust ...func(*httputil.ReverseProxy)) *server {
	target, err := url.Parse(to.URL)
	if err != nil {
		s.Fatal(err)
	}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Trailer = r.In.Trailer // to be filled when the body has been read
		},
		Transport: s.transport(to),
		ErrorLog:  log.New(teller{s, "proxy"}, "", 0),
	}
	for _, f := range adjust {
		f(p)
	}
	return s.serve(to.protocol, p)
}

// teller tells what is written to it.
type teller struct {
	s   *side
	who string
}

func (t teller) Write(p []byte) (int, error) {
	t.s.tell(t.who, "%q", p)
	return len(p), nil
}

// await is what comes from c; should nothing come, the test has failed.
func await[T any](s *side, c <-chan T) (v T) {
	s.Helper()
	select {
	case v = <-c:
	case <-s.ctx.Done():
		s.Fatal("waited in vain")
	}
	return v
}

func (s *side) request(method, url string, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(s.ctx, method, url, body)
	if err != nil {
		s.Fatal(err)
	}
	return req
}

// outline draws the spans, a line each under its parent, with those of their tags that every run must give. Waits, which
// depend on time, are left out. A span that belongs to no other's trace stands at the margin, as the caller's does.
func outline(tracer *spantest.Tracer) string {
	var b strings.Builder
	var draw func(parent int, indent string)
	draw = func(parent int, indent string) {
		for _, span := range tracer.Spans() {
			if span.ParentID != parent || span.IsWait() {
				continue
			}
			b.WriteString(indent)
			b.WriteString(strings.TrimLeft(kind(span)+" "+span.Operation, " "))
			if status, ok := span.Tags["http.status_code"]; ok {
				fmt.Fprintf(&b, " %v", status)
			}
			for _, key := range []string{"bytes", "request_size", "response_size"} {
				if size, ok := span.Tags[key].(int64); ok && size > 0 { // whether nothing is http.NoBody is the transport's affair
					fmt.Fprintf(&b, " %s=%d", key, size)
				}
			}
			for _, key := range []string{"error", "client_gone", "abandoned"} {
				if span.Tags[key] == true {
					b.WriteString(" " + key)
				}
			}
			b.WriteString("\n")
			draw(span.ID, indent+"  ")
		}
	}
	draw(0, "")
	for _, problem := range tracer.Problems() {
		fmt.Fprintf(&b, "PROBLEM: %s\n", problem)
	}
	return b.String()
}

// drawnIfSlow reports whether spans of an operation depend on how fast the machine is: later waits,
// waits of a server, and resets of a connection, which are drawn only above 100 µs.
func drawnIfSlow(operation string) bool {
	return operation == "sql reset" || (&spantest.Span{Operation: operation}).IsWait()
}

// kind is "client" or "server", "" for a span that is no wrapper's.
func kind(span *spantest.Span) string {
	if kind, ok := span.Tags["span.kind"]; ok {
		return fmt.Sprint(kind)
	}
	return ""
}

// wantOutline compares the outline with the lines of want.
func wantOutline(t *testing.T, tracer *spantest.Tracer, want ...string) {
	t.Helper()
	if got, want := outline(tracer), strings.Join(want, "\n")+"\n"; got != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", got, want)
	}
}

// text is err as its caller can read it: what a wrapper would add to it shows.
func text(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
