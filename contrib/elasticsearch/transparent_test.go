package gapes_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/wrap/wraptest"
)

// wrapFunc wraps a transport, or returns it as it is.
type wrapFunc func(elastictransport.Interface) elastictransport.Interface

// eachTracer compares what observe returns for a raw transport with what it returns for a wrapped
// one, in each situation of [wraptest.Compare].
func eachTracer(t *testing.T, observe func(t *testing.T, ctx context.Context, wrap wrapFunc) string) {
	t.Helper()
	wraptest.Compare(t, func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string {
		return observe(t, ctx, func(raw elastictransport.Interface) elastictransport.Interface {
			if opts == nil {
				return raw
			}
			return gapes.WrapTransport(raw, opts...)
		})
	})
}

// typedNil is a body whose nil pointer works.
type typedNil struct{}

func (*typedNil) Read([]byte) (int, error) { return 0, io.EOF }
func (*typedNil) Close() error             { return nil }

// requestTests are requests that are sent raw and wrapped.
type requestTests map[string]struct {
	cfg     elasticsearch.Config // without addresses, the server is echo
	method  string
	path    string
	body    io.Reader
	headers http.Header
}

func TestTransparentBodies(t *testing.T) {
	requestTests{
		"a search": {method: "POST", path: "/a/_search?size=1", body: strings.NewReader(`{"query":{}}`)},
		"a stream": {method: "POST", path: "/a/_search", body: opaque(`{"query":{}}`)},
		"a stream, once": {
			method: "POST", path: "/a/_search", body: opaque(`{"query":{}}`),
			cfg: elasticsearch.Config{DisableRetry: true},
		},
		"compressed": {
			method: "POST", path: "/a/_search", body: strings.NewReader(`{"query":{}}`),
			cfg: elasticsearch.Config{CompressRequestBody: true},
		},
		"a stream, compressed": {
			method: "POST", path: "/a/_search", body: opaque(`{"query":{}}`),
			cfg: elasticsearch.Config{CompressRequestBody: true},
		},
		"10 MB": {method: "POST", path: "/a/_search", body: strings.NewReader(strings.Repeat("x\xff", 5<<20))},
		"10 MB as a stream": {
			method: "POST", path: "/a/_search", body: opaque(strings.Repeat("x\xff", 5<<20)),
			cfg: elasticsearch.Config{DisableRetry: true},
		},
		"an empty body":  {method: "POST", path: "/a/_search", body: strings.NewReader("")},
		"no body":        {method: "POST", path: "/a/_search", body: http.NoBody},
		"an absent body": {method: "POST", path: "/a/_search"},
		"a nil pointer":  {method: "POST", path: "/a/_search", body: (*typedNil)(nil)},
	}.run(t)
}

func TestTransparentRequests(t *testing.T) {
	requestTests{
		"a document": {
			method: "PUT", path: "/a/_doc/1", body: strings.NewReader(`{}`),
			headers: http.Header{"X-Opaque-Id": {"7"}},
		},
		"HEAD":           {method: "HEAD", path: "/a/_doc/1?status=404"},
		"no method":      {path: "/"},
		"an empty index": {method: "PUT", path: "http:////_doc/1", body: strings.NewReader(`{}`)},
		"empty segments": {method: "GET", path: "http://////"},
		"meta header":    {method: "GET", path: "/", headers: http.Header{"X-Elastic-Client-Meta": {"h=bp"}}},
		"compatibility":  {method: "GET", path: "/", cfg: elasticsearch.Config{EnableCompatibilityMode: true}},
	}.run(t)
}

func TestTransparentFailures(t *testing.T) {
	requestTests{
		"an error":         {method: "GET", path: "/a?status=404"},
		"HEAD":             {method: "HEAD", path: "/a?status=500"},
		"another product":  {method: "GET", path: "/?product=none"},
		"too few bytes":    {method: "GET", path: "/?length=9999"},
		"too few, failing": {method: "GET", path: "/?length=9999&status=500"},
		"retried":          {method: "POST", path: "/a/_search?status=503", body: opaque(`{"query":{}}`)},
		"not retried": {
			method: "POST", path: "/a/_search?status=503", body: opaque(`{"query":{}}`),
			cfg: elasticsearch.Config{DisableRetry: true},
		},
		"no server": {method: "GET", path: "/", cfg: elasticsearch.Config{Addresses: []string{"http://127.0.0.1:1"}}},
	}.run(t)
}

func (tests requestTests) run(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text, _ := io.ReadAll(orEmpty(tt.body))
			eachTracer(t, func(t *testing.T, ctx context.Context, wrap wrapFunc) string {
				cfg := tt.cfg
				if cfg.Addresses == nil {
					cfg.Addresses = []string{server.URL}
				}
				cfg.EnableMetrics = true
				c := newClient(t, cfg)
				c.Transport = wrap(c.Transport)
				req, err := http.NewRequestWithContext(ctx, tt.method, tt.path, again(tt.body, string(text)))
				if err != nil {
					t.Fatal(err)
				}
				maps.Copy(req.Header, tt.headers)
				res, err := c.Perform(req)
				return fmt.Sprintln(describeResult(res, err), describeRequest(req, res), describeMetrics(c))
			})
		})
	}
}

// echo answers with what it received, so that this is compared too. The query may ask for a status,
// for another product's headers, and for a wrong Content-Length.
func echo(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	n, _ := io.Copy(hash, r.Body)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s, length %d %v, body of %d %x\n", r.Method, r.URL, r.Host, r.ContentLength,
		r.TransferEncoding, n, hash.Sum(nil))
	for _, key := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "%s: %q\n", key, r.Header[key])
	}
	query := r.URL.Query()
	if query.Get("product") != "none" {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
	}
	w.Header().Set("Date", "")
	w.Header().Add("Warning", "299 Elasticsearch")
	status := 200
	fmt.Sscan(query.Get("status"), &status)
	if length := query.Get("length"); length != "" {
		w.Header().Set("Content-Length", length)
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"type":"t","reason":%q},"status":%d}`, b.String(), status)
}

func orEmpty(r io.Reader) io.Reader {
	if r == nil {
		return strings.NewReader("")
	}
	return r
}

// again is a reader of text of the same kind as body.
func again(body io.Reader, text string) io.Reader {
	switch body.(type) {
	case *strings.Reader:
		return strings.NewReader(text)
	case nil, *typedNil:
		return body
	}
	if body == http.NoBody {
		return body
	}
	return opaque(text)
}

// describeResult describes what a caller gets.
func describeResult(res *http.Response, err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "error %T %v\n", err, err)
	if res == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "%s %v, length %d\n", res.Status, res.Header, res.ContentLength)
	if res.Body == nil {
		return b.String()
	}
	text, err := io.ReadAll(res.Body)
	fmt.Fprintf(&b, "body %s, %T %v, NoBody %t\n", text, err, err, res.Body == http.NoBody)
	n, err := res.Body.Read(make([]byte, 1))
	fmt.Fprintf(&b, "and then %d %v, closed %v\n", n, err, res.Body.Close())
	n, err = res.Body.Read(make([]byte, 1))
	fmt.Fprintf(&b, "and then %d %v\n", n, err)
	return b.String()
}

// describeRequest describes the request after the call.
func describeRequest(req *http.Request, res *http.Response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %v, length %d, body %T, GetBody %t, its answer's %t\n", req.Method, req.URL, req.Header,
		req.ContentLength, req.Body, req.GetBody != nil, res != nil && res.Request == req)
	if req.GetBody != nil {
		body, err := req.GetBody()
		n, _ := io.Copy(io.Discard, body)
		fmt.Fprintf(&b, "once more: %T of %d, %v\n", body, n, err)
	}
	return b.String()
}

func describeMetrics(c *elasticsearch.Client) string {
	m, err := c.Metrics()
	m.Connections = nil // which hold times
	return fmt.Sprint(m, err)
}

// Transports with one optional interface each.
type (
	measurable     struct{ plain }
	discoverable   struct{ plain }
	closes         struct{ plain }
	uninstrumented struct{ plain }
)

func (measurable) Metrics() (elastictransport.Metrics, error) {
	return elastictransport.Metrics{Requests: 7}, nil
}

func (discoverable) DiscoverNodes() error { return errors.New("mine") }

func (closes) Close(context.Context) error                                          { return errors.New("mine") }
func (uninstrumented) InstrumentationEnabled() (_ elastictransport.Instrumentation) { return nil }

func TestTransparentOptionalInterfaces(t *testing.T) {
	memory := plain{fromMemory{}}
	for name, transport := range map[string]elastictransport.Interface{
		"nothing more":                 memory,
		"be measured":                  measurable{memory},
		"discover":                     discoverable{memory},
		"be closed":                    closes{memory},
		"be instrumented with nothing": uninstrumented{memory},
	} {
		t.Run(name, func(t *testing.T) {
			eachTracer(t, func(t *testing.T, ctx context.Context, wrap wrapFunc) string {
				return useAll(t, ctx, wrap(transport))
			})
		})
	}
	t.Run("all that the library's can", func(t *testing.T) {
		eachTracer(t, func(t *testing.T, ctx context.Context, wrap wrapFunc) string {
			return useAll(t, ctx, wrap(newClient(t, elasticsearch.Config{Transport: fromMemory{}}).Transport))
		})
	})
}

// useAll uses all that a client can do with transport, and describes what it gets.
func useAll(t *testing.T, ctx context.Context, transport elastictransport.Interface) string {
	c := newClient(t, elasticsearch.Config{})
	c.Transport = transport
	var seen []any
	metrics, err := c.Metrics()
	seen = append(seen, metrics, err, c.DiscoverNodes())
	res, err := c.Info(c.Info.WithContext(ctx))
	seen = append(seen, res, err)
	if closer, ok := c.Transport.(elastictransport.Closeable); ok {
		seen = append(seen, closer.Close(ctx), closer.Close(ctx), c.DiscoverNodes())
	}
	res, err = c.Info(c.Info.WithContext(ctx))
	return fmt.Sprintln(append(seen, res, err)...)
}

func TestTransparentErrors(t *testing.T) {
	refused := errors.New("refused")
	eachTracer(t, func(t *testing.T, ctx context.Context, wrap wrapFunc) string {
		half := answer(502, strings.NewReader("half"))
		body := half.Body
		for want, n := range map[error]network{
			refused:          func(*http.Request) (*http.Response, error) { return half, refused },
			context.Canceled: func(*http.Request) (*http.Response, error) { return nil, context.Canceled },
		} {
			c := wrap(plain{n})
			res, err := perform(t, c, ctx, "GET", "/", nil)
			if err != want { //nolint:errorlint // identity is the promise
				t.Errorf("got %v, want %v", err, want)
			}
			if want == refused && (res != half || res.Body != body) { //nolint:errorlint // identity is the promise
				t.Errorf("what came with the error is gone: %v", res)
			}
		}
		return ""
	})
}

func TestTransparentIncompleteResponses(t *testing.T) {
	for name, res := range map[string]*http.Response{
		"none":               nil,
		"without a body":     {StatusCode: 200},
		"a bodiless failure": {StatusCode: 500},
	} {
		t.Run(name, func(t *testing.T) {
			eachTracer(t, func(t *testing.T, ctx context.Context, wrap wrapFunc) string {
				c := wrap(plain{network(func(*http.Request) (*http.Response, error) { return res, nil })})
				got, err := perform(t, c, ctx, "GET", "/", nil)
				return fmt.Sprint(describeResult(got, err), got == res)
			})
		})
	}
}

func TestTransparentDeadline(t *testing.T) {
	eachTracer(t, func(t *testing.T, ctx context.Context, wrap wrapFunc) string {
		ctx, cancel := context.WithDeadline(ctx, time.Now().Add(time.Hour))
		defer cancel()
		want, _ := ctx.Deadline()
		c := newClient(t, elasticsearch.Config{Transport: network(func(req *http.Request) (*http.Response, error) {
			if got, ok := req.Context().Deadline(); !ok || got != want {
				t.Errorf("got %v, want %v", got, want)
			}
			return answer(200, strings.NewReader("{}")), nil
		})})
		c.Transport = wrap(c.Transport)
		res, err := c.Info(c.Info.WithContext(ctx))
		return fmt.Sprintln(res, err)
	})
}
