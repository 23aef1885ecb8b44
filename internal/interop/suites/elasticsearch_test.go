package suites_test

import (
	"strings"
	"testing"

	_ "github.com/gaptrace/gaptrace/contrib/elasticsearch" // so that a result is not kept when it changes
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// own is the module of the copies. By its path it is one of go-elasticsearch's, whose internal packages it imports. Under
// paths of their own the copies stand beside the packages that contrib/elasticsearch imports, and without a cycle.
const own = "github.com/elastic/go-elasticsearch/v8/own"

const ownWrapping = `package wrapping

import (
	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/own/spans"
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

// ownPerform is what the tests of elastictransport call.
const ownPerform = `package elastictransport

import (
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/own/wrapping"
)

func (c *Client) Perform(req *http.Request) (*http.Response, error) {
	return wrapping.Wrap(unwrapped{c}).Perform(req)
}

type unwrapped struct{ *Client }

func (u unwrapped) Perform(req *http.Request) (*http.Response, error) { return u.perform(req) }
`

const ownMain = `

import (
	"os"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/own/spans"
)

func TestMain(m *testing.M) { os.Exit(spans.Run(m)) }
`

// ownSuite has the tests that make calls, and all beside them. Left out are one that needs two nodes with the names that
// Elastic's containers have, and of the typed API all but the package query: the others' tests encode, and call nothing.
func ownSuite(t *testing.T) *suite {
	const (
		elasticsearch = "github.com/elastic/go-elasticsearch/v8"
		transport     = "github.com/elastic/elastic-transport-go/v8/elastictransport"
		wrap          = "import (\n\t\"" + own + "/wrapping\"\n"
	)
	s := newSuite(t, own, elasticsearch)
	s.add(".", elasticsearch, "", elasticsearch, own)
	s.add("esutil", elasticsearch+"/esutil", "", elasticsearch, own, elasticsearch+"/esutil", own+"/esutil")
	s.add("esapi", elasticsearch+"/esapi", "api.*", elasticsearch, own) // the API that is called is the original's
	s.add("query", elasticsearch+"/typedapi/esql/query", "")
	s.add("elastictransport", transport, "", transport, own+"/elastictransport")
	for _, dir := range s.packages {
		s.write(dir+"/main_test.go", "package "+strings.Replace(s.name(dir), "own", "elasticsearch", 1)+"_test"+ownMain)
	}
	s.write("wrapping/wrapping.go", ownWrapping)

	// All that a client asks of its transport it asks of the wrapped one. Tests may look at the field, and find their own.
	s.edit("elasticsearch.go", 5, "c.Transport.", "wrapping.Wrap(c.Transport).")
	s.edit("elasticsearch.go", 1, "import (\n", wrap)
	s.edit("query/query.go", 2, "r.transport.", "wrapping.Wrap(r.transport).")
	s.edit("query/query.go", 1, "import (\n", wrap)
	s.edit("elastictransport/elastictransport.go", 1, "func (c *Client) Perform(", "func (c *Client) perform(")
	s.write("elastictransport/perform.go", ownPerform)

	// A benchmark's response is a global, whose body is never closed and never garbage: no call that got it would end.
	s.edit("elasticsearch_benchmark_test.go", 1, "return t.FakeResponse, nil", "res := *t.FakeResponse; return &res, nil")
	s.edit("esapi/esapi_benchmark_test.go", 1, "{ return defaultResponse, nil }", "{ res := *defaultResponse; return &res, nil }")

	// Three of these need no server but their own.
	for _, file := range []string{"elastictransport/elastictransport_integration_test.go", "elastictransport/connection_integration_test.go"} {
		s.edit(file, 1, "//go:build integration\n// +build integration\n", "")
	}
	return s
}

// The benchmarks are run as well, once each: esapi's tests call nothing, and its benchmarks do. One at a time, since one of the
// client's tests sets ELASTICSEARCH_URL in the environment while others beside it make clients.
func TestTheOwnTestsOfGoElasticsearchEndAsTheyDoWithoutUs(t *testing.T) {
	ownSuite(t).endAlike(map[string]least{
		"own":              {passes: 150, spans: 70},
		"esutil":           {passes: 80, spans: 200},
		"esapi":            {passes: 25, spans: 14},
		"query":            {passes: 8, spans: 6},
		"elastictransport": {passes: 300, spans: 100_500}, // 100,000 of them in one loop
	}, nil, "-test.parallel=1", "-test.bench=.", "-test.benchtime=1x", "-test.skip="+ofAServer)
}

// ofAServer are the tests of the transport that call a real one.
const ofAServer = "^TestTransport(Headers|Compression)$"

func TestTheOwnTestsOfTheTransportEndAsTheyDoWithoutUsOnARealServer(t *testing.T) {
	url := servers.Elasticsearch(t)
	s := ownSuite(t)
	s.packages = []string{"elastictransport"}
	s.edit("elastictransport/elastictransport_integration_test.go", 2, "http://localhost:9200", url)
	s.endAlike(map[string]least{"elastictransport": {passes: 2, spans: 5}}, nil, "-test.run="+ofAServer)
}
