package otlp

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
)

func TestSemanticConventions(t *testing.T) {
	setenv(t)
	for name, test := range map[string]struct {
		operation string
		tags      opentracing.Tags
		logs      []log.Field
		want      string
	}{
		"a query": {"sql query", opentracing.Tags{
			"span.kind": "client", "component": "database/sql", "db.type": "postgres", "db.statement": "SELECT 1",
			"db.instance": "shop", "db.user": "me", "peer.address": "db:5432", "rows": 3, "wait.us": 7,
		}, nil, `sql query CLIENT UNSET "" component="database/sql" db.namespace="shop" db.query.text="SELECT 1"` +
			` db.system.name="postgresql" db.user="me" server.address="db" server.port=5432` +
			` db.response.returned_rows=3 wait.us=7`},
		"a socket": {
			"sql query",
			opentracing.Tags{"span.kind": "client", "db.type": "mysql", "peer.address": "/run/db.sock"},
			nil,
			`sql query CLIENT UNSET "" db.system.name="mysql" server.address="/run/db.sock"`,
		},
		"a failed query": {"sql query", opentracing.Tags{"span.kind": "client", "error": true}, []log.Field{
			log.Event("error"), log.String("error.kind", "*net.OpError"), log.Message("no route"),
			log.String("error.object", "no route"), log.String("stack", "main.go:1"),
		}, `sql query CLIENT ERROR "no route" error.type="*net.OpError"` +
			"\n" + `  exception exception.type="*net.OpError" exception.message="no route" exception.stacktrace="main.go:1"`},
		"two messages": {"a", opentracing.Tags{"error": true}, []log.Field{
			log.Event("error"), log.Message("reading"), log.String("error.object", "no route"),
		}, `a UNSPECIFIED ERROR "reading" error.type="_OTHER"` + "\n" +
			`  exception exception.message="reading" error.object="no route"`},
		"an error alone": {"a", opentracing.Tags{"error": true}, []log.Field{
			log.Event("error"), log.String("error.object", "no route"),
		}, `a UNSPECIFIED ERROR "no route" error.type="_OTHER"` + "\n" + `  exception exception.message="no route"`},
		"another log": {
			"a", nil,
			[]log.Field{log.Event("retry"), log.Message("again")},
			`a UNSPECIFIED UNSET "" ` + "\n" + `  retry message="again"`,
		},
		"a request": {"HTTP GET", opentracing.Tags{
			"span.kind": "client", "http.method": "GET", "http.url": "https://shop/books?q=1", "http.status_code": uint16(503),
			"peer.hostname": "shop", "peer.port": "443", "error": true,
		}, nil, `HTTP GET CLIENT ERROR "" http.request.method="GET" http.response.status_code=503` +
			` url.full="https://shop/books?q=1" server.address="shop" server.port=443 error.type="503"`},
		"a served request": {"HTTP GET /books/{id}", opentracing.Tags{
			"span.kind": "server", "http.method": "get", "http.url": "http://shop:8080/books/7?q=1", "http.status_code": 404,
			"peer.hostname": "10.0.0.1", "peer.port": 4711, "guid:x-request-id": "r1",
		}, nil, `HTTP GET /books/{id} SERVER UNSET "" http.request.header.x-request-id=["r1"]` +
			` http.request.method_original="get" http.request.method="GET" http.response.status_code=404 url.scheme="http"` +
			` server.address="shop" server.port=8080 url.path="/books/7" url.query="q=1" client.address="10.0.0.1"` +
			` client.port=4711`},
		"another method": {
			"HTTP OTHER",
			opentracing.Tags{"http.method": "BREW", "http.url": "%zz", "http.status_code": "2xx"},
			nil,
			`HTTP OTHER UNSPECIFIED UNSET "" http.request.method_original="BREW" http.request.method="_OTHER"` +
				` http.response.status_code="2xx" url.full="%zz"`,
		},
		"a gRPC wait": {"/shelf.Shelf/Look wait", opentracing.Tags{
			"span.kind": "client", "component": "grpc", "grpc.code": "DeadlineExceeded", "error": true,
		}, nil, `/shelf.Shelf/Look wait CLIENT ERROR "" rpc.system.name="grpc" rpc.method="shelf.Shelf/Look"` +
			` component="grpc" rpc.response.status_code="DEADLINE_EXCEEDED" error.type="DEADLINE_EXCEEDED"`},
		"an unknown gRPC method": {"grpc OTHER", opentracing.Tags{
			"span.kind": "server", "component": "grpc", "grpc.code": "Canceled", "grpc.method": "/a/B",
		}, nil, `grpc OTHER SERVER UNSET "" rpc.system.name="grpc" rpc.method="_OTHER" component="grpc"` +
			` rpc.response.status_code="CANCELLED" rpc.method_original="/a/B"`},
		"a taken port": {
			"a",
			opentracing.Tags{"peer.address": "db:3306", "peer.port": 5, "server.port": 1},
			nil,
			`a UNSPECIFIED UNSET "" peer.address="db:3306" peer.port=5 server.port=1`,
		},
		"a peer twice": {
			"a",
			opentracing.Tags{"peer.address": "db:3306", "peer.hostname": "db"},
			nil,
			`a UNSPECIFIED UNSET "" peer.address="db:3306" server.address="db"`,
		},
		"no port": {"a", opentracing.Tags{"peer.address": "db:"}, nil, `a UNSPECIFIED UNSET "" server.address="db:"`},
		"two methods": {
			"a",
			opentracing.Tags{"http.method": "mix", "es.method": "BREW"},
			nil,
			`a UNSPECIFIED UNSET "" http.request.method_original="BREW" http.request.method="_OTHER" http.method="mix"`,
		},
		"a taken method": {
			"a",
			opentracing.Tags{"http.method": "get", "http.request.method": "GET"},
			nil,
			`a UNSPECIFIED UNSET "" http.method="get" http.request.method="GET"`,
		},
		"a served number": {"a", opentracing.Tags{"span.kind": "server", "http.url": 5}, nil, `a SERVER UNSET "" url.full=5`},
		"a served host": {
			"a",
			opentracing.Tags{"span.kind": "server", "http.url": "localhost:80/x?y"},
			nil,
			`a SERVER UNSET "" url.full="localhost:80/x?y"`,
		},
		"a taken path": {
			"a",
			opentracing.Tags{"span.kind": "server", "http.url": "http://h/x", "url.path": "/y"},
			nil,
			`a SERVER UNSET "" url.scheme="http" server.address="h" http.url="http://h/x" url.path="/y"`,
		},
		"names that are taken": {"a", opentracing.Tags{
			"db.statement": "old", "db.query.text": "new", "peer.ipv4": "10.0.0.1", "peer.ipv6": "::1",
		}, nil, `a UNSPECIFIED UNSET "" db.query.text="new" db.statement="old" network.peer.address="10.0.0.1" peer.ipv6="::1"`},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracer.NewRecorder(0)
			r := send(t, func(tr opentracing.Tracer) {
				parent := tr.StartSpan("parent")
				s := tr.StartSpan(test.operation, opentracing.ChildOf(parent.Context()), test.tags)
				if test.logs != nil {
					s.LogFields(test.logs...)
				}
				s.Finish()
			}, WithSemanticConventions(), tracer.WithRecorder(recorder))
			if got := describe(r.spans()[0]); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			recorded := recorder.Traces()[0][0]
			if len(recorded.Tags) != len(test.tags) {
				t.Errorf("the Recorder has %v", recorded.Tags)
			}
			if r.accepted[0].GetSchemaUrl() != schemaURL {
				t.Errorf("schema %q", r.accepted[0].GetSchemaUrl())
			}
		})
	}
}

func TestSemanticConventionsOfProcess(t *testing.T) {
	setenv(t)
	r := send(t, func(tr opentracing.Tracer) { tr.StartSpan("a").Finish() }, WithSemanticConventions(),
		tracer.WithTag("ip", "10.0.0.1"), tracer.WithTag("hostname", "box"), tracer.WithTag("zone", "eu"))
	got := " " + text(r.accepted[0].GetResource().GetAttributes()) + " "
	for _, want := range []string{
		`service.name="shop"`, `telemetry.sdk.language="go"`, `telemetry.sdk.name="jaeger-client-go"`,
		`telemetry.sdk.version="2.30.0"`, `host.name="box"`, `host.ip=["10.0.0.1"]`, `zone="eu"`, `service.instance.id="`,
	} {
		if !strings.Contains(got, " "+want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	for _, old := range []string{" hostname=", " ip=", " jaeger.version=", " client-uuid="} {
		if strings.Contains(got, old) {
			t.Errorf("%s in %s", old, got)
		}
	}
}

// TestNoAttributeTwice gives spans two of the names each, and the name that the first becomes.
func TestNoAttributeTwice(t *testing.T) {
	for first, to := range names {
		for second := range names {
			for _, kind := range []string{"client", "server"} {
				s := span("GET", first, "http://host:80/path", 1, kind)[0]
				s.Tags = append(s.Tags, gap.Field{Key: second, Value: "host:80"}, gap.Field{Key: to.name, Value: "taken"},
					gap.Field{Key: "server.port", Value: "taken"})
				s.Tags = unique(s.Tags)
				rename(&s)
				if n := len(unique(s.Tags)); n != len(s.Tags) {
					t.Errorf("%s, %s: %v", first, second, s.Tags)
				}
			}
		}
	}
}

// A request that is sent again has the same names.
func TestSpansAreRenamedOnce(t *testing.T) {
	setenv(t)
	s := span("GET", "http.method", "GET", 1, "client")
	e := &encoder{rename: true}
	first, _ := e.encode(s)
	second, _ := e.encode(s)
	if string(first) != string(second) {
		t.Errorf("first\n%q\nthen\n%q", first, second)
	}
}

func TestTableOfNames(t *testing.T) {
	doc, err := os.ReadFile("../../docs/otlp-out.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []map[string]naming{names, processNames, eventNames} {
		for key, to := range table {
			row := regexp.MustCompile("\n\\| `" + regexp.QuoteMeta(key) + "` \\| `" + regexp.QuoteMeta(to.name) + "`(.*)").
				FindSubmatch(doc)
			if row == nil || !strings.Contains(string(row[1]), to.server) {
				t.Errorf("docs/otlp-out.md: no row for %s, which becomes %s %s", key, to.name, to.server)
			}
		}
	}
	for old, name := range systems {
		if !strings.Contains(string(doc), "`"+old+"` → `"+name+"`") {
			t.Errorf("docs/otlp-out.md: no %s, which becomes %s", old, name)
		}
	}
}
