package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
)

const (
	jaegerAnswer = `{"data":[{"traceID":"a1","spans":[` +
		`{"traceID":"a1","spanID":"1","operationName":"op","startTime":1000,"duration":50}]}]}`
	otlpSpans = `[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[` +
		`{"traceId":"000000000000000000000000000000a1","spanId":"0000000000000001","name":"op",` +
		`"startTimeUnixNano":"1000000","endTimeUnixNano":"1050000"}]}]}]`
	zipkinSpan = `{"traceId":"a1","id":"1","name":"op","timestamp":1000,"duration":50,"localEndpoint":{"serviceName":"shop"}}`
)

// pagesOf serves answers by path and parameters.
type pagesOf map[string]string

func (p pagesOf) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	answer, ok := p[req.URL.RequestURI()]
	if !ok {
		answer, ok = p[req.URL.Path]
	}
	status := http.StatusOK
	switch {
	case !ok:
		answer, status = "no page "+req.URL.RequestURI(), http.StatusNotFound
	case len(answer) > 3 && answer[3] == ' ':
		fmt.Sscan(answer[:3], &status)
		answer = answer[4:]
	}
	w.WriteHeader(status)
	io.WriteString(w, answer)
}

// asked returns what a server answers for a URL and a query: its kind, and the operations of the
// spans.
func asked(ctx context.Context, url string, q Query, ids []gap.TraceID, opts ...read.Option) (Kind, string, error) {
	a, err := Parse(url)
	if err != nil {
		return Unknown, "", err
	}
	server, kind, err := Open(ctx, a, Options{})
	if err != nil {
		return Unknown, "", err
	}
	find := server.Find(ctx, q, opts...)
	if ids = append(ids, a.IDs...); len(ids) > 0 {
		find = server.Traces(ctx, ids, opts...)
	}
	var names []string
	var errs []error
	for spans, err := range find {
		errs = append(errs, err)
		for _, s := range spans {
			names = append(names, s.Operation)
		}
	}
	return kind, strings.Join(names, " "), errors.Join(errs...)
}

// Each kind of server is found by its answers, and asked by its own API.
func TestServersAreFoundAndAsked(t *testing.T) {
	shop := Query{
		Service: "shop", Operation: "op", Tags: map[string]string{"error": "true", "a": "b"}, Lookback: time.Hour, Limit: 7,
		MinDuration: time.Millisecond, End: time.Unix(7200, 0),
	}
	for name, test := range map[string]struct {
		kind  Kind
		pages pagesOf
	}{
		"Jaeger": {Jaeger, pagesOf{
			"/api/services":  `{"data":["shop"],"total":1}`,
			"/api/traces/a1": "", "/api/traces/00000000000000a1": jaegerAnswer,
			"/api/traces?end=7200000000&limit=7&minDuration=1ms&operation=op&service=shop&start=3600000000&tags=%7B%22a%22%3A%22b%22%2C%22error%22%3A%22true%22%7D": jaegerAnswer,
		}},
		"Jaeger, old and new API": {Jaeger, pagesOf{
			"/api/services": `{"data":null}`, "/api/v3/services": `{"services":[]}`,
			"/api/traces/00000000000000a1": jaegerAnswer, "/api/traces": jaegerAnswer,
		}},
		"Jaeger's API v3": {JaegerV3, pagesOf{
			"/api/v3/services":                `{"services":["shop"]}`,
			"/api/v3/traces/00000000000000a1": `{"result":{"resourceSpans":` + otlpSpans + `}}`,
			"/api/v3/traces?query.attributes=%7B%22a%22%3A%22b%22%2C%22error%22%3A%22true%22%7D&query.duration_min=1ms" +
				"&query.num_traces=7&query.operation_name=op&query.search_depth=7&query.service_name=shop" +
				"&query.start_time_max=1970-01-01T02%3A00%3A00Z&query.start_time_min=1970-01-01T01%3A00%3A00Z": `{"result":{"resourceSpans":` + otlpSpans + `}}`,
		}},
		"Zipkin": {Zipkin, pagesOf{
			"/api/v2/services":               ` ["shop"]`,
			"/api/v2/trace/00000000000000a1": "[" + zipkinSpan + "]",
			"/api/v2/traces?annotationQuery=a%3Db+and+error&endTs=7200000&limit=7&lookback=3600000&minDuration=1000" +
				"&serviceName=shop&spanName=op": "[[" + zipkinSpan + "]]",
		}},
		"Tempo": {Tempo, pagesOf{
			"/api/echo": "echo\n",
			"/api/search?end=7201&limit=7&q=%7B+resource.service.name+%3D+%22shop%22+%26%26+name+%3D+%22op%22+%26%26+.a+%3D+%22b%22" +
				"+%26%26+%28.error+%3D+%22true%22+%7C%7C+.error+%3D+true+%7C%7C+status+%3D+error%29+%26%26+duration+%3E%3D+1ms+%7D" +
				"&start=3600": `{"traces":[{"traceID":"a1","rootServiceName":"shop"}],"metrics":{}}`,
			"/api/traces/00000000000000a1": `{"batches":` + otlpSpans + `}`,
		}},
	} {
		server := httptest.NewServer(test.pages)
		defer server.Close()
		if kind, got, err := asked(t.Context(), server.URL, shop, nil); kind != test.kind || got != "op" || err != nil {
			t.Errorf("%s, search: %v, %q, %v", name, kind, got, err)
		}
		kind, got, err := asked(t.Context(), server.URL, Query{}, []gap.TraceID{{Low: 0xa1}, {Low: 0x77}, {Low: 0xa1}})
		if kind != test.kind || got != "op op" || err == nil || !strings.Contains(err.Error(), "/0000000000000077: ") ||
			!strings.Contains(err.Error(), "404") {
			t.Errorf("%s, by id: %v, %q, %v", name, kind, got, err)
		}
	}
}

// A handler of gap/debug has no other pages, and says so in its own way.
func TestDebugPage(t *testing.T) {
	pages := pagesOf{
		"/debug/gaps/?format=jaeger":                          jaegerAnswer,
		"/debug/gaps/?bucket=1s&format=jaeger&operation=op":   jaegerAnswer,
		"/debug/gaps/trace?format=jaeger&id=00000000000000a1": jaegerAnswer,
		"/gaps/trace?format=jaeger&id=0":                      "404 debug: Trace 0000000000000000 is not here",
		"/gaps/?format=jaeger":                                jaegerAnswer,
	}
	server := httptest.NewServer(pages)
	defer server.Close()
	for _, path := range []string{
		"/debug/gaps", "/debug/gaps/", "/debug/gaps/?bucket=1s&operation=op", "/debug/gaps/trace?id=a1", "/gaps/",
	} {
		if kind, got, err := asked(t.Context(), server.URL+path, Query{}, nil); kind != Debug || got != "op" || err != nil {
			t.Errorf("%s: %v, %q, %v", path, kind, got, err)
		}
	}
	for _, q := range []Query{{Limit: 1}, {Lookback: 1}, {Tags: map[string]string{"a": "b"}}} {
		if _, _, err := asked(t.Context(), server.URL+"/debug/gaps", q, nil); !errors.Is(err, errNoFilter) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestPathsSayWhichServerItIs(t *testing.T) {
	pages := pagesOf{ // none of them answers a probe
		"/api/v3/traces/00000000000000a1":       `{"result":{"resourceSpans":` + otlpSpans + `}}`,
		"/zipkin/api/v2/trace/00000000000000a1": "[" + zipkinSpan + "]",
		"/api/traces/00000000000000a1":          jaegerAnswer,
	}
	server := httptest.NewServer(pages)
	defer server.Close()
	for path, want := range map[string]Kind{
		"/api/v3/traces/a1": JaegerV3, "/zipkin/traces/a1": Zipkin, "/trace/a1": Jaeger,
	} {
		if kind, got, err := asked(t.Context(), server.URL+path, Query{}, nil); kind != want || got != "op" || err != nil {
			t.Errorf("%s: %v, %q, %v", path, kind, got, err)
		}
	}
}

// A search that finds nothing is no error, also in Jaeger's API v3, which answers it with 404.
func TestNothingFound(t *testing.T) {
	for name, pages := range map[string]pagesOf{
		"Jaeger's API v3": {
			"/api/v3/services": `{"services":["shop"]}`,
			"/api/v3/traces":   `404 {"error":{"httpCode":404,"message":"No traces found"}}`,
		},
		"an older one": {"/api/v3/services": `{"services":["shop"]}`, "/api/v3/traces": ""},
		"Zipkin":       {"/api/v2/services": "[]", "/api/v2/traces": "[]"},
		"Tempo":        {"/api/echo": "echo", "/api/search": `{"traces":[],"metrics":{}}`},
	} {
		server := httptest.NewServer(pages)
		defer server.Close()
		if _, got, err := asked(t.Context(), server.URL, Query{Service: "shop"}, nil); got != "" || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// An invalid ID in Tempo's answer to a search loses no other trace.
func TestTempoFindsInvalidIDs(t *testing.T) {
	pages := pagesOf{
		"/api/echo":                    "echo",
		"/api/search":                  `{"traces":[{"traceID":"x!"},{"traceID":"a1"},{"traceID":"0"},{}]}`,
		"/api/traces/00000000000000a1": `{"batches":` + otlpSpans + `}`,
	}
	server := httptest.NewServer(pages)
	defer server.Close()
	_, got, err := asked(t.Context(), server.URL, Query{Service: "shop"}, nil)
	if want := server.URL + `/api/search: invalid traceID "x!" (and 2 more such IDs)`; got != "op" || err == nil || err.Error() != want {
		t.Errorf("%q, %v, want %s", got, err, want)
	}
}

func TestServices(t *testing.T) {
	for want, pages := range map[string]pagesOf{
		"a b": {"/api/v3/services": `{"services":["b","a"]}`},
		"c d": {"/api/v2/services": `["d","c"]`},
		"e f": {"/api/echo": "echo", "/api/search/tag/service.name/values": `{"tagValues":["f","e"]}`},
		"g h": {"/api/services": `{"data":["h","g"]}`},
	} {
		server := httptest.NewServer(pages)
		defer server.Close()
		a, err := Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := Open(t.Context(), a, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if names, err := s.Services(t.Context()); err != nil || strings.Join(names, " ") != want {
			t.Errorf("%q, %v, want %s", names, err, want)
		}
	}
}

// answering sends every request to a function instead of a server.
type answering func(req *http.Request) *http.Response

func (f answering) RoundTrip(req *http.Request) (*http.Response, error) { return f(req), nil }

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// What servers answer when they do not answer: each is one clear error.
func TestServersThatRefuse(t *testing.T) {
	respond := func(status int, contentType string, body io.Reader) answering {
		return func(req *http.Request) *http.Response {
			return &http.Response{
				StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(body), Request: req,
			}
		}
	}
	text := func(status int, body string) answering {
		return func(req *http.Request) *http.Response {
			return respond(status, "text/plain", strings.NewReader(body))(req)
		}
	}
	for name, test := range map[string]struct {
		answer answering
		url    string
		want   string
	}{
		"401": {
			text(401, "no token"), "http://h",
			"http://h/api/services: the server answers 401: Unauthorized: no token; send credentials with --header 'Authorization: …'",
		},
		"401 of a known kind": {
			text(401, ""), "http://h/api/v3/traces/a1",
			"http://h/api/v3/traces/00000000000000a1: the server answers 401: Unauthorized; send credentials with --header",
		},
		"401 of Jaeger": {
			text(401, ""), "http://h/trace/a1",
			"http://h/api/traces/00000000000000a1: the query service answers 401: Unauthorized; send credentials with --header",
		},
		"404 for everything": {
			text(404, "no"), "http://h/x",
			"http://h/x is not Jaeger, Zipkin, Tempo or a program's /debug/gaps/ (api/services: 404, " +
				"api/v3/services: 404, api/v2/services: 404, api/echo: 404, trace: 404); check the URL and its base path",
		},
		"429": {
			text(429, "slow down"), "http://h", "http://h/api/services: the server answers 429: Too Many Requests: slow down",
		},
		"500": {text(500, ""), "http://h", "http://h/api/services: the server answers 500: Internal Server Error"},
		"a page to log in": {
			respond(200, "text/html", strings.NewReader("<html>")), "http://h",
			"http://h: the answer is a web page, perhaps a login page; check the URL and its base path",
		},
		"a page to log in, of a known kind": {
			respond(200, "text/html", strings.NewReader("<html>")), "http://h/api/v2/trace/a1",
			"http://h/api/v2/trace/00000000000000a1: the answer is a web page, perhaps a login page; check the URL",
		},
		"an endless body": {respond(200, "application/json", endless{}), "http://h", "http://h is not Jaeger,"},
		"an endless body, of a known kind": {
			respond(200, "application/json", endless{}), "http://h/api/v3/traces/a1", "the input exceeds the limit of 1000000 bytes",
		},
		"text": {text(200, "OK"), "http://h/api/v2/trace/a1", `http://h/api/v2/trace/00000000000000a1 is text that begins with "OK"`},
	} {
		synctest.Test(t, func(t *testing.T) { // whose clock makes waits before retries short
			a, err := Parse(test.url)
			if err != nil {
				t.Fatal(err)
			}
			s, _, err := Open(t.Context(), a, Options{HTTP: &http.Client{Transport: test.answer}})
			if err == nil {
				for _, e := range s.Traces(t.Context(), a.IDs, read.WithMaxBytes(1_000_000)) {
					err = e
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s:\n got %v\nwant %s", name, err, test.want)
			}
		})
	}
}
