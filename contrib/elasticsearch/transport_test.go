package gapes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// network is an http.RoundTripper made of a function.
type network func(*http.Request) (*http.Response, error)

func (f network) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answer returns a response of Elasticsearch.
func answer(status int, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: status, Body: io.NopCloser(body),
		Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}},
	}
}

// always is a network that answers with status and body.
func always(status int, body string) network {
	return func(*http.Request) (*http.Response, error) { return answer(status, strings.NewReader(body)), nil }
}

func newClient(t testing.TB, cfg elasticsearch.Config) *elasticsearch.Client {
	t.Helper()
	c, err := elasticsearch.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newWrapped returns a wrapped client that records to tracer.
func newWrapped(t testing.TB, tracer opentracing.Tracer, cfg elasticsearch.Config,
	opts ...gaptrace.Option,
) *elasticsearch.Client {
	t.Helper()
	return gapes.Wrap(newClient(t, cfg), append(opts, gaptrace.WithTracer(tracer))...)
}

// newTyped is a typed client of the same transport.
func newTyped(t testing.TB, cfg elasticsearch.Config) *elasticsearch.TypedClient {
	t.Helper()
	c, err := elasticsearch.NewTypedClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// typedOf returns a typed client with the transport of c.
func typedOf(t testing.TB, c *elasticsearch.Client) *elasticsearch.TypedClient {
	t.Helper()
	typed := newTyped(t, elasticsearch.Config{})
	typed.Transport = c.Transport
	return typed
}

// recorded returns a wrapped client of that network, and a context with a parent span.
func recorded(t testing.TB, n http.RoundTripper, opts ...gaptrace.Option) (*elasticsearch.Client, context.Context,
	*spantest.Tracer,
) {
	t.Helper()
	tracer := spantest.NewTracer()
	c := newClient(t, elasticsearch.Config{Addresses: []string{"http://node:9200"}, Transport: n})
	return gapes.Wrap(c, append(opts, gaptrace.WithTracer(tracer))...), underParent(t, tracer), tracer
}

// underParent returns a context with a parent span, which is finished already: its children may end
// later.
func underParent(t testing.TB, tracer opentracing.Tracer) context.Context {
	parent := tracer.StartSpan("parent")
	parent.Finish()
	return opentracing.ContextWithSpan(t.Context(), parent)
}

// named returns the calls of an operation. Older clients do not give the endpoint's name for the
// requests of bulk indexers and for the typed API's Perform.
func named(tracer *spantest.Tracer, operation string) []*spantest.Span {
	older := map[string]string{
		"elasticsearch bulk":   "elasticsearch POST _bulk",
		"elasticsearch search": "elasticsearch POST _search",
	}
	return append(tracer.Named(operation), tracer.Named(older[operation])...)
}

func perform(t testing.TB, c elastictransport.Interface, ctx context.Context, method, url string,
	body io.Reader,
) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return c.Perform(req)
}

// consume reads a body to its end and closes it.
func consume(t testing.TB, body io.ReadCloser) string {
	t.Helper()
	if body == nil {
		return ""
	}
	text, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Error(err)
	}
	return string(text)
}

// only returns the only span under the parent, apart from waits.
func only(t testing.TB, tracer *spantest.Tracer) *spantest.Span {
	t.Helper()
	calls := slices.DeleteFunc(tracer.Spans(),
		func(s *spantest.Span) bool { return s.Operation == "parent" || s.IsWait() })
	if problems := tracer.Problems(); len(calls) != 1 || len(problems) > 0 {
		t.Fatalf("want one span, and no problems, got %d:\n%s", len(calls), tracer.Tree())
	}
	return calls[0]
}

func TestSpanCoversAttemptsAndBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		n := network(func(req *http.Request) (*http.Response, error) {
			asked = append(asked, req.URL.Host)
			time.Sleep(time.Second)
			switch len(asked) {
			case 1:
				return nil, errors.New("connection refused")
			case 2:
				return answer(502, strings.NewReader("bad gateway")), nil
			}
			return answer(200, strings.NewReader("{}")), nil
		})
		tracer := spantest.NewTracer()
		c := newWrapped(t, tracer, elasticsearch.Config{
			Addresses: []string{"http://a:9200", "http://b:9200", "http://c:9200"}, Transport: n,
			RetryBackoff: func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute },
		})
		res, err := c.Info(c.Info.WithContext(underParent(t, tracer)))
		if err != nil {
			t.Fatal(err)
		}
		consume(t, res.Body)

		span := only(t, tracer)
		if want := 3*time.Second + 1*time.Minute + 2*time.Minute; span.Duration() != want {
			t.Errorf("the span lasted %v, want %v", span.Duration(), want)
		}
		last := asked[len(asked)-1]
		if len(asked) != 3 || span.Tags["peer.address"] != last || span.Tags["es.url"] != "http://"+last+"/" {
			t.Errorf("asked %v, recorded %v", asked, span.Tags)
		}
		if span.Tags["error"] != nil || span.Tags["http.status_code"] != 200 {
			t.Errorf("the last attempt counts, got %v", span.Tags)
		}
	})
}

// slowly is a body of which each read takes a second.
type slowly struct{ io.Reader }

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return s.Reader.Read(p[:min(len(p), 1)])
}

func TestResponseWorkIsNotCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ctx, tracer := recorded(t, network(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return answer(200, slowly{strings.NewReader("{}")}), nil
		}))
		res, err := c.Info(c.Info.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // the caller's work
		res.Body.Read(make([]byte, 10))
		time.Sleep(time.Minute)
		consume(t, res.Body)

		if d := only(t, tracer).Duration(); d != time.Second {
			t.Errorf("the call's span lasted %v, want until the headers came, 1s", d)
		}
		waits := tracer.Named("elasticsearch info wait")
		if len(waits) != 2 || waits[0].Duration() != time.Second || waits[1].Duration() != 2*time.Second {
			t.Errorf("want waits of 1s and 2s, got %d:\n%s", len(waits), tracer.Tree())
		}
		if got := only(t, tracer).Tags; got["bytes"] != int64(2) || got["wait.us"] != int64(4e6) {
			t.Errorf("got %v", got)
		}
	})
}

func TestTypedAPIReadsInsideItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := spantest.NewTracer()
		c := gapes.WrapTyped(newTyped(t, elasticsearch.Config{Transport: network(func(*http.Request) (*http.Response, error) {
			return answer(200, slowly{strings.NewReader(`{"count":7}`)}), nil
		})}), gaptrace.WithTracer(tracer))
		begun := time.Now()
		res, err := c.Count().Do(underParent(t, tracer))
		if err != nil || res.Count != 7 {
			t.Fatal(res, err)
		}
		if span := only(t, tracer); span.Tags["wait.us"] != time.Since(begun).Microseconds() {
			t.Errorf("blocked for %v, recorded %v", time.Since(begun), span.Tags)
		}
	})
}

func TestOnlyCallsUnderSpanAreRecorded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		fmt.Fprintf(w, `{"nodes":{"n":{"http":{"publish_address":%q}}}}`, r.Host)
	}))
	defer server.Close()
	tracer := spantest.NewTracer()
	use := func(opts ...gaptrace.Option) {
		t.Helper()
		c := gapes.Wrap(newClient(t, elasticsearch.Config{Addresses: []string{server.URL}}),
			append(opts, gaptrace.WithTracer(tracer))...)
		if err := c.DiscoverNodes(); err != nil {
			t.Error(err)
		}
		res, err := c.Info() // without a context at all
		if err != nil {
			t.Fatal(err)
		}
		consume(t, res.Body)
	}
	use()
	if tree := tracer.Tree(); tree != "" {
		t.Errorf("recorded:\n%s", tree)
	}
	use(gaptrace.WithRoots())
	if len(tracer.Named("elasticsearch info")) != 1 || len(tracer.Calls()) != 1 {
		t.Errorf("want the call, and nothing of discovery, got:\n%s", tracer.Tree())
	}
}

func TestHooksGetTheRequest(t *testing.T) {
	request := func(c gaptrace.Call) string {
		req := c.Request.(*http.Request)
		return req.Method + " " + req.URL.Path
	}
	var filtered string
	c, ctx, tracer := recorded(t, always(418, `{}`),
		gaptrace.WithFilter(func(c gaptrace.Call) bool { filtered = c.Component + ", " + c.Operation; return true }),
		gaptrace.WithOperation(request),
		gaptrace.WithTags(func(c gaptrace.Call) opentracing.Tags { return opentracing.Tags{"mine": request(c)} }),
		gaptrace.WithStatement(func(c gaptrace.Call, s string) string { return request(c) + " " + s }),
		gaptrace.WithExpected(func(c gaptrace.Call, err error) bool {
			e, ok := errors.AsType[*gapes.Error](err)
			return ok && e.Status == 418 && request(c) == "POST /a/_search"
		}))
	res, err := c.Search(c.Search.WithContext(ctx), c.Search.WithIndex("a"),
		c.Search.WithBody(strings.NewReader("{query}")))
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	if filtered != "go-elasticsearch, elasticsearch search" {
		t.Errorf("the filter saw %q", filtered)
	}
	want := "parent\n" +
		`  POST /a/_search bytes=2 component=go-elasticsearch db.statement="POST /a/_search {query}" db.type=elasticsearch ` +
		`es.method=POST es.url=http://node:9200/a/_search http.status_code=418 mine="POST /a/_search" peer.address=node:9200 span.kind=client` + "\n"
	if got := tracer.Tree(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestNetworkGetsTheSpan(t *testing.T) {
	var inner string
	c, ctx, tracer := recorded(t, network(func(req *http.Request) (*http.Response, error) {
		span := opentracing.SpanFromContext(req.Context())
		inner = span.(*spantest.Span).Operation
		return answer(200, strings.NewReader("{}")), nil
	}))
	res, err := c.Info(c.Info.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	if outer := only(t, tracer).Operation; inner != outer {
		t.Errorf("the network found %q in its context, want %q", inner, outer)
	}
}

func TestFilteredCallIsNotRecorded(t *testing.T) {
	c, ctx, tracer := recorded(t, always(200, "{}"), gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
	res, err := c.Info(c.Info.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	if got := tracer.Tree(); got != "parent\n" {
		t.Errorf("got:\n%s", got)
	}
}

func TestWrapTwice(t *testing.T) {
	c, ctx, tracer := recorded(t, always(200, "{}"))
	typed := gapes.WrapTyped(typedOf(t, gapes.Wrap(c)), gaptrace.WithTracer(tracer))
	if _, err := typed.Info().Do(ctx); err != nil {
		t.Fatal(err)
	}
	only(t, tracer)

	bare := plain{fromMemory{}} // cannot be closed
	typed.Transport = gapes.WrapTransport(gapes.WrapTransport(bare), gaptrace.WithTracer(tracer))
	if got := typed.Transport.(interface {
		Unwrap() elastictransport.Interface
	}).Unwrap(); got != bare {
		t.Errorf("unwrapped, it is %#v", got)
	}
}

// plain is a transport without optional interfaces.
type plain struct{ http.RoundTripper }

func (p plain) Perform(req *http.Request) (*http.Response, error) { return p.RoundTrip(req) }

func TestNilArgumentsPanic(t *testing.T) {
	for want, wrap := range map[string]func(){
		"gapes.Wrap: c is nil":                func() { gapes.Wrap(nil) },
		"gapes.Wrap: c.Transport is nil":      func() { gapes.Wrap(&elasticsearch.Client{}) },
		"gapes.WrapTyped: c is nil":           func() { gapes.WrapTyped(nil) },
		"gapes.WrapTyped: c.Transport is nil": func() { gapes.WrapTyped(&elasticsearch.TypedClient{}) },
		"gapes.WrapTransport: t is nil":       func() { gapes.WrapTransport(nil) },
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got %v", got)
				}
			}()
			wrap()
		})
	}
}

// performs is a transport made of a function.
type performs func(*http.Request) (*http.Response, error)

func (f performs) Perform(req *http.Request) (*http.Response, error) { return f(req) }

func TestTransparentOddInput(t *testing.T) {
	errOdd := errors.New("odd")
	for name, c := range map[string]struct {
		transport performs
		req       *http.Request
		spans     int
	}{
		"no request": {func(req *http.Request) (*http.Response, error) { return nil, fmt.Errorf("request %v", req) }, nil, 0},
		"no URL": {
			func(req *http.Request) (*http.Response, error) { return nil, fmt.Errorf("URL %v", req.URL) },
			&http.Request{}, 1,
		},
		"no response, no error": {func(*http.Request) (*http.Response, error) { return nil, nil }, &http.Request{}, 1},
		"a response and an error": {
			func(*http.Request) (*http.Response, error) { return answer(200, strings.NewReader("{}")), errOdd },
			&http.Request{}, 1,
		},
		"an empty response": {
			func(*http.Request) (*http.Response, error) { return &http.Response{}, nil },
			&http.Request{},
			1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			raw := seen(c.transport.Perform(c.req))
			if got := seen(gapes.WrapTransport(c.transport, gaptrace.WithTracer(tracer),
				gaptrace.WithRoots()).Perform(c.req)); got != raw {
				t.Errorf("%s, raw %s", got, raw)
			}
			if n := len(tracer.Calls()); n != c.spans || tracer.Problems() != nil {
				t.Errorf("%d spans, want %d: %v", n, c.spans, tracer.Problems())
			}
		})
	}
}

func seen(res *http.Response, err error) string {
	if res == nil {
		return fmt.Sprintf("no response, error %v", err)
	}
	var body []byte
	if res.Body != nil {
		body, _ = io.ReadAll(res.Body)
	}
	return fmt.Sprintf("status %d, body %q, error %v", res.StatusCode, body, err)
}
