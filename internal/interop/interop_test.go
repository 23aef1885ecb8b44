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

// A side is one of the two runs of a test: raw, or through the wrappers. Its notes say what clients
// and handlers received, and must be equal on both sides.
type side struct {
	*testing.T
	ctx        context.Context  // carries a span "caller" on the wrapped side
	tracer     *spantest.Tracer // nil on the raw side
	servers    []*server
	transports []*http.Transport // their idle connections are closed at the end
	cleanups   []func()          // run after the servers have been closed
	echoEnded  time.Time         // when the handler of a WebSocket was about to return

	mu    sync.Mutex
	notes map[string][]string // by actor, in the order of the calls
}

// note records what an actor, such as "client", received. It may be called concurrently.
func (s *side) note(actor, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[actor] = append(s.notes[actor], fmt.Sprintf(format, args...))
}

// compare runs use on both sides, and fails if their notes differ. It returns the wrapped side's
// tracer after all handlers have returned.
func compare(t *testing.T, use func(s *side)) *spantest.Tracer {
	t.Helper()
	raw := run(t, nil, use)
	wrapped := run(t, spantest.NewTracer(), use)
	if got, want := wrapped.transcript(), raw.transcript(); got != want {
		t.Errorf("raw:\n%s\nwrapped:\n%s", want, got)
	}
	return wrapped.tracer
}

func run(t *testing.T, tracer *spantest.Tracer, use func(s *side)) *side {
	// No result depends on the deadline: it only ends what hangs.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := &side{T: t, ctx: ctx, tracer: tracer, notes: map[string][]string{}}
	if tracer != nil {
		caller := tracer.StartSpan("caller")
		defer caller.Finish()
		s.ctx = opentracing.ContextWithSpan(ctx, caller)
	}
	defer func() {
		if t.Failed() {
			cancel() // a handler may wait for a client that has given up
		}
		s.close()
	}()
	use(s)
	return s
}

// close closes the servers, and returns after their handlers have.
func (s *side) close() {
	for _, transport := range s.transports {
		transport.CloseIdleConnections()
	}
	for _, server := range slices.Backward(s.servers) { // a proxy before its backend
		server.Close()
		server.handlers.Wait()
	}
	for _, f := range s.cleanups {
		f()
	}
}

// transcript returns all notes as text. Servers' addresses are replaced, since ports differ.
func (s *side) transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, actor := range slices.Sorted(maps.Keys(s.notes)) {
		for _, line := range s.notes[actor] {
			fmt.Fprintf(&b, "%s: %s\n", actor, line)
		}
	}
	text := b.String()
	for i, server := range s.servers {
		text = strings.ReplaceAll(text, server.Listener.Addr().String(), fmt.Sprint("SERVER", i))
	}
	return text
}

// server is an httptest.Server that counts its running handlers. net/http itself waits neither for
// handlers over HTTP/2, nor for those that hijacked a connection.
type server struct {
	*httptest.Server
	protocol string
	handlers sync.WaitGroup
}

var discardLog = log.New(io.Discard, "", 0)

var protocols = []string{"HTTP/1.1", "HTTP/2"}

// eachProtocol runs test once per protocol, which all its clients and servers then use.
func eachProtocol(t *testing.T, test func(t *testing.T, protocol string)) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) { test(t, protocol) })
	}
}

// serve starts a server of h, wrapped on the wrapped side. The one for HTTP/2 has TLS, and answers
// over HTTP/1.1 if the client asks for it.
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
	server.Config.ErrorLog = discardLog
	if protocol == "HTTP/2" {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	s.servers = append(s.servers, server)
	return server
}

// clientTLS returns a configuration that trusts the server's certificate, or nil without TLS.
func (s *server) clientTLS() *tls.Config {
	if s.TLS == nil {
		return nil
	}
	return &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
}

// transport returns a copy of http.DefaultTransport, wrapped on the wrapped side. The copy trusts
// the server, and shares no connections with other tests.
func (s *side) transport(to *server) http.RoundTripper {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = to.clientTLS()
	s.transports = append(s.transports, transport)
	if s.tracer == nil {
		return transport
	}
	return nethttp.Wrap(transport, gaptrace.WithTracer(s.tracer))
}

func (s *side) client(to *server) *http.Client { return &http.Client{Transport: s.transport(to)} }

// proxy starts an httputil.ReverseProxy to another server, with the same protocol. Its log lines
// become notes.
func (s *side) proxy(to *server, adjust ...func(*httputil.ReverseProxy)) *server {
	target, err := url.Parse(to.URL)
	if err != nil {
		s.Fatal(err)
	}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Trailer = r.In.Trailer // the server fills this map after the body
		},
		Transport: s.transport(to),
		ErrorLog:  log.New(noteWriter{s, "proxy"}, "", 0),
	}
	for _, f := range adjust {
		f(p)
	}
	return s.serve(to.protocol, p)
}

// noteWriter notes each write.
type noteWriter struct {
	s     *side
	actor string
}

func (w noteWriter) Write(p []byte) (int, error) {
	w.s.note(w.actor, "%q", p)
	return len(p), nil
}

// await receives from c. At the side's deadline the test ends.
func await[T any](s *side, c <-chan T) (v T) {
	s.Helper()
	select {
	case v = <-c:
	case <-s.ctx.Done():
		s.Fatal("nothing was received before the deadline")
	}
	return v
}

func (s *side) request(method, url string, body io.Reader) *http.Request {
	s.Helper()
	return spantest.Must(http.NewRequestWithContext(s.ctx, method, url, body))(s)
}

func httpGet(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

// outline draws the spans as a tree, with only those tags that are equal in every run. Waits are
// left out, since they depend on time.
func outline(tracer *spantest.Tracer) string {
	var b strings.Builder
	var draw func(parent int, indent string)
	draw = func(parent int, indent string) {
		for _, span := range tracer.Spans() {
			if span.ParentID == parent && !span.IsWait() {
				b.WriteString(indent + outlineLine(span) + "\n")
				draw(span.ID, indent+"  ")
			}
		}
	}
	draw(0, "")
	for _, problem := range tracer.Problems() {
		fmt.Fprintf(&b, "PROBLEM: %s\n", problem)
	}
	return b.String()
}

func outlineLine(span *spantest.Span) string {
	words := []string{span.Operation}
	if k := kind(span); k != "" {
		words = []string{k, span.Operation}
	}
	if status, ok := span.Tags["http.status_code"]; ok {
		words = append(words, fmt.Sprint(status))
	}
	for _, key := range []string{"bytes", "request_size", "response_size"} {
		// A size of 0 is not equal in every run: the transport decides what is http.NoBody.
		if size, ok := span.Tags[key].(int64); ok && size > 0 {
			words = append(words, fmt.Sprintf("%s=%d", key, size))
		}
	}
	for _, key := range []string{"error", "client_gone", "abandoned"} {
		if span.Tags[key] == true {
			words = append(words, key)
		}
	}
	return strings.Join(words, " ")
}

// wantChain compares the outline with a chain of spans, each the child of the one before it. The
// first is a child of "caller" if the client is wrapped. Otherwise it has no parent, since the
// client sent no headers.
func wantChain(t *testing.T, tracer *spantest.Tracer, clientWrapped bool, spans ...string) {
	t.Helper()
	lines, indent := []string{"caller"}, ""
	if clientWrapped {
		indent = "  "
	}
	for _, span := range spans {
		lines = append(lines, indent+span)
		indent += "  "
	}
	spantest.Want(t, outline(tracer), strings.Join(lines, "\n")+"\n")
}

// dependsOnSpeed reports whether the number of spans of an operation depends on the speed of the
// machine: later waits, waits of a server, and resets of a connection, which get a span only above
// 100 µs.
func dependsOnSpeed(operation string) bool {
	return operation == "sql reset" || (&spantest.Span{Operation: operation}).IsWait()
}

// kind returns the tag span.kind, or "" for a span that no wrapper drew.
func kind(span *spantest.Span) string {
	if kind, ok := span.Tags["span.kind"]; ok {
		return fmt.Sprint(kind)
	}
	return ""
}

// errorText returns err's message, which would show an error that a wrapper added around it.
func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
