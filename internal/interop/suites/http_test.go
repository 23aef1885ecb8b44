package suites_test

import "testing"

// httptestWrapped takes the place of net/http/httptest in the copied tests: servers and their
// clients are wrapped.
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

// godebug takes the place of internal/godebug, which only the standard library may import.
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

func TestTheOwnTestsOfTheReverseProxyEndAsTheyDoWithoutUs(t *testing.T) {
	const httputil = "net/http/httputil"
	s := newSuite(t, "proxy", httputil)
	s.write("godebug/godebug.go", godebug)
	s.write("httptest/httptest.go", httptestWrapped)
	s.add(".", httputil, "example_test.go",
		"internal/godebug", "proxy/godebug", "net/http/httptest", "proxy/httptest",
		"net/http/internal", "proxy/chunked", "net/http/internal/ascii", "proxy/ascii")
	s.add("ascii", "net/http/internal/ascii", "*_test.go")
	s.add("chunked", "net/http/internal", "*_test.go")
	s.packages = s.packages[:1]
	s.edit("reverseproxy.go", 1, "transport = http.DefaultTransport\n\t}\n", "transport = http.DefaultTransport\n\t}\n\ttransport = httptest.Transport(transport)\n")
	s.edit("reverseproxy.go", 1, "import (\n", "import (\n\t\"proxy/httptest\"\n")
	s.write("main_test.go", httputilMain)
	// Left out: it asserts that a client's transport is an *http.Transport, to call CancelRequest.
	s.endAlike(map[string]least{"proxy": {passes: 60, spans: 300}}, nil, "-test.skip=^TestReverseProxyCancellation$")
}
