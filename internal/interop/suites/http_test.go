package suites_test

import "testing"

// httptestWrapped replaces net/http/httptest in the copied tests. Its servers and their clients are
// wrapped.
const httptestWrapped = `package httptest

import (
	"net/http"
	"net/http/httptest"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"proxy/spans"
)

var (
	NewRecorder = httptest.NewRecorder
	NewRequest  = httptest.NewRequest
)

var options = []gaptrace.Option{gaptrace.WithRoots(), gaptrace.WithTracer(spans.Tracer)}

type Server struct {
	*httptest.Server
	client *http.Client
}

func (s *Server) Client() *http.Client { return s.client }

func NewServer(h http.Handler) *Server {
	if !spans.Wrapped {
		s := httptest.NewServer(h)
		return &Server{s, s.Client()}
	}
	s := httptest.NewServer(nethttp.WrapHandler(h, options...))
	return &Server{s, nethttp.WrapClient(s.Client(), options...)}
}

func Transport(rt http.RoundTripper) http.RoundTripper {
	if !spans.Wrapped {
		return rt
	}
	return nethttp.Wrap(rt, options...)
}
`

// godebug replaces internal/godebug, which only the standard library may import.
const godebug = `package godebug

type Setting struct{}

func New(string) Setting         { return Setting{} }
func (Setting) Value() string    { return "" }
func (Setting) IncNonDefault()   {}
`

const httputilMain = `package httputil

import (
	"os"
	"testing"

	"proxy/spans"
)

func TestMain(m *testing.M) { os.Exit(spans.Run(m)) }
`

func TestReverseProxySuite(t *testing.T) {
	const httputil = "net/http/httputil"
	s := newSuite(t, "proxy", httputil)
	s.write("godebug/godebug.go", godebug)
	s.write("httptest/httptest.go", httptestWrapped)
	s.copyPackage(".", httputil, "example_test.go",
		"internal/godebug", "proxy/godebug",
		"net/http/httptest", "proxy/httptest",
		"net/http/internal", "proxy/chunked",
		"net/http/internal/ascii", "proxy/ascii")
	s.copyPackage("ascii", "net/http/internal/ascii", "*_test.go")
	s.copyPackage("chunked", "net/http/internal", "*_test.go")
	s.packages = []string{"."} // the other two have no tests
	const transport = "transport = http.DefaultTransport\n\t}\n"
	s.edit("reverseproxy.go", 1, transport, transport+"\ttransport = httptest.Transport(transport)\n")
	s.edit("reverseproxy.go", 1, "import (\n", "import (\n\t\"proxy/httptest\"\n")
	s.write("main_test.go", httputilMain)
	s.wantSameResults(map[string]minimum{"proxy": {passes: 60, spans: 300}}, nil,
		"-test.skip=^TestReverseProxyCancellation$") // asserts that a client's transport is an *http.Transport
}
