package suites_test

import (
	"go/version"
	"runtime"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// copies is the module of the copied packages. Its path lies under go-elasticsearch's, so that they
// may import its internal packages. Since it is not the same path, contrib/elasticsearch can import
// the originals and the copies can import contrib/elasticsearch.
const copies = "github.com/elastic/go-elasticsearch/v8/copies"

const esWrapping = `package wrapping

import (
	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/copies/spans"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
)

func Wrap(t elastictransport.Interface) elastictransport.Interface {
	if !spans.Wrapped || t == nil {
		return t
	}
	return gapes.WrapTransport(t, gaptrace.WithRoots(), gaptrace.WithTracer(spans.Tracer))
}
`

// esPerform makes Client.Perform, which the tests of elastictransport call, pass through the
// wrapper.
const esPerform = `package elastictransport

import (
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/copies/wrapping"
)

func (c *Client) Perform(req *http.Request) (*http.Response, error) {
	return wrapping.Wrap(unwrapped{c}).Perform(req)
}

type unwrapped struct{ *Client }

func (u unwrapped) Perform(req *http.Request) (*http.Response, error) { return u.perform(req) }
`

const esMain = `

import (
	"os"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/copies/spans"
)

func TestMain(m *testing.M) { os.Exit(spans.Run(m)) }
`

// newElasticsearchSuite returns a suite of all packages with tests that make calls. Of the typed
// API that is only package query. TestTransportSelector is left out: it needs two nodes named like
// Elastic's containers.
func newElasticsearchSuite(t *testing.T) *suite {
	const (
		elasticsearch = "github.com/elastic/go-elasticsearch/v8"
		transport     = "github.com/elastic/elastic-transport-go/v8/elastictransport"
		wrap          = "import (\n\t\"" + copies + "/wrapping\"\n"
	)
	s := newSuite(t, copies, elasticsearch)
	s.copyPackage(".", elasticsearch, "", elasticsearch, copies)
	s.copyPackage("esutil", elasticsearch+"/esutil", "",
		elasticsearch, copies, elasticsearch+"/esutil", copies+"/esutil")
	s.copyPackage("esapi", elasticsearch+"/esapi", "api.*", elasticsearch, copies) // it tests the original API
	s.copyPackage("query", elasticsearch+"/typedapi/esql/query", "")
	s.copyPackage("elastictransport", transport, "", transport, copies+"/elastictransport")
	for _, dir := range s.packages {
		name := s.packageName(dir)
		if dir == "." {
			name = "elasticsearch"
		}
		s.write(dir+"/main_test.go", "package "+name+"_test"+esMain)
	}
	s.write("wrapping/wrapping.go", esWrapping)

	// Every call of a client's transport goes to a wrapped one. The field stays, since tests look
	// at it.
	s.edit("elasticsearch.go", 5, "c.Transport.", "wrapping.Wrap(c.Transport).")
	s.edit("elasticsearch.go", 1, "import (\n", wrap)
	s.edit("query/query.go", 2, "r.transport.", "wrapping.Wrap(r.transport).")
	s.edit("query/query.go", 1, "import (\n", wrap)
	s.edit("elastictransport/elastictransport.go", 1, "func (c *Client) Perform(", "func (c *Client) perform(")
	s.write("elastictransport/perform.go", esPerform)

	// These benchmarks share one global response, whose body is never closed and never collected.
	// The spans of their calls would never end.
	s.edit("elasticsearch_benchmark_test.go", 1,
		"return t.FakeResponse, nil", "res := *t.FakeResponse; return &res, nil")
	s.edit("esapi/esapi_benchmark_test.go", 1,
		"{ return defaultResponse, nil }", "{ res := *defaultResponse; return &res, nil }")

	// Most integration tests need only a server that they start themselves.
	for _, file := range []string{"elastictransport_integration_test.go", "connection_integration_test.go"} {
		s.edit("elastictransport/"+file, 1, "//go:build integration\n// +build integration\n", "")
	}
	// A millisecond is not always enough for its servers to listen.
	s.edit("elastictransport/connection_integration_test.go", 1, "time.Sleep(time.Millisecond)",
		`for try := 0; try < 10_000; try++ {
			if res, err := http.Get("http://" + s.Addr); err == nil {
				res.Body.Close()
				break
			}
			time.Sleep(time.Millisecond)
		}`)
	return s
}

// serverTests are the tests of elastictransport that need an Elasticsearch.
const serverTests = "^TestTransport(Headers|Compression)$"

// drainTest wants a connection that is not used again if a body is closed before its end. With Go
// 1.27 it fails without the wrapper, too: Close reads what is left of the body.
const drainTest = "^TestAutoDrainBodyDisabledConnectionNotReused$"

// TestGoElasticsearchSuite also runs each benchmark once: in esapi only benchmarks make calls.
// Tests run one at a time, since one sets ELASTICSEARCH_URL while others would read it.
func TestGoElasticsearchSuite(t *testing.T) {
	skipped := serverTests
	if version.Compare(runtime.Version(), "go1.27") >= 0 {
		skipped += "|" + drainTest
	}
	newElasticsearchSuite(t).wantSameResults(map[string]minimum{
		"copies":           {passes: 140, spans: 65},
		"esutil":           {passes: 80, spans: 200},
		"esapi":            {passes: 25, spans: 14},
		"query":            {passes: 8, spans: 6},
		"elastictransport": {passes: 300, spans: 100_500}, // one test makes 100,000 calls
	}, nil, "-test.parallel=1", "-test.bench=.", "-test.benchtime=1x", "-test.skip="+skipped)
}

func TestElasticTransportSuite(t *testing.T) {
	url := servers.Elasticsearch(t)
	s := newElasticsearchSuite(t)
	s.packages = []string{"elastictransport"}
	s.edit("elastictransport/elastictransport_integration_test.go", 2, "http://localhost:9200", url)
	s.wantSameResults(map[string]minimum{"elastictransport": {passes: 2, spans: 5}}, nil, "-test.run="+serverTests)
}
