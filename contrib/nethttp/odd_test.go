package nethttp_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// connectionClosed is what net/http's reader of a connection says when it finds that its writer, which refused the
// request, has closed it. RoundTrip returns whichever error is there first.
var connectionClosed = regexp.MustCompile(`read tcp \S+: use of closed network connection`)

// roundTrip returns all that a caller of RoundTrip can observe.
func roundTrip(rt http.RoundTripper, req *http.Request) (seen string) {
	defer func() {
		if failure := recover(); failure != nil {
			seen = fmt.Sprintf("panic: %v", failure)
		}
	}()
	resp, err := rt.RoundTrip(req)
	seen = fmt.Sprintf("error %v", err)
	seen = connectionClosed.ReplaceAllString(seen, "http: Request.ContentLength=4 with nil Body")
	if resp == nil {
		return seen + ", no response"
	}
	seen += fmt.Sprintf(", status %d, request as sent %v", resp.StatusCode, resp.Request == req)
	if resp.Body == nil {
		return seen + ", no body"
	}
	body, err := io.ReadAll(resp.Body)
	return seen + fmt.Sprintf(", body %q %v, closed %v", body, err, resp.Body.Close())
}

func TestOddInputEndsAsItDoesRaw(t *testing.T) {
	server := ways(t)
	there, err := url.Parse(server.URL + "/ok")
	if err != nil {
		t.Fatal(err)
	}
	whole := http.Header{"A": {"b"}}
	text := func(req *http.Request) *http.Response {
		return &http.Response{StatusCode: 200, Request: req, Body: io.NopCloser(strings.NewReader("text"))}
	}
	errOdd := errors.New("odd")
	network := server.Client().Transport
	for name, c := range map[string]struct {
		transport http.RoundTripper
		req       *http.Request
	}{
		"no URL":           {network, &http.Request{Header: whole}},
		"an empty URL":     {network, &http.Request{URL: &url.URL{}, Header: whole}},
		"no headers":       {network, &http.Request{URL: there}},
		"nothing":          {network, &http.Request{}},
		"no method":        {network, &http.Request{URL: there, Header: whole}},
		"a bad method":     {network, &http.Request{URL: there, Header: whole, Method: "a b"}},
		"a bad header":     {network, &http.Request{URL: there, Header: http.Header{"a b": {"c"}}}},
		"a body of no one": {network, &http.Request{URL: there, Header: whole, Method: "POST", ContentLength: 4}},
		"no response, no error": {roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, nil
		}), &http.Request{URL: there, Header: whole}},
		"a response and an error": {roundTripper(func(r *http.Request) (*http.Response, error) {
			return text(r), errOdd
		}), &http.Request{URL: there, Header: whole}},
		"a response without a body": {roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Request: r}, nil
		}), &http.Request{URL: there, Header: whole}},
		"a response without a request": {roundTripper(func(*http.Request) (*http.Response, error) {
			return text(nil), nil
		}), &http.Request{URL: there, Header: whole}},
		"an empty response": {roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{}, nil
		}), &http.Request{URL: there}},
		"a transport that is nil": {(*http.Transport)(nil), &http.Request{URL: there, Header: whole}},
		"a transport that takes no headers": {roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Header != nil {
				return nil, errOdd
			}
			return text(r), nil
		}), &http.Request{URL: there}},
		"a transport that panics": {roundTripper(func(*http.Request) (*http.Response, error) {
			panic(errOdd)
		}), &http.Request{URL: there, Header: whole}},
	} {
		t.Run(name, func(t *testing.T) {
			raw := roundTrip(c.transport, c.req)
			tracer := spantest.NewTracer()
			for state, tracer := range map[string]opentracing.Tracer{
				"recorded": tracer, "sampled": jaegerTracer(t, true), "not sampled": jaegerTracer(t, false), "no parent": nil,
			} {
				req := c.req
				opts := []gaptrace.Option{gaptrace.WithPhases()}
				if tracer != nil {
					req = req.WithContext(opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent")))
					opts = append(opts, gaptrace.WithTracer(tracer))
				}
				if got := roundTrip(nethttp.Wrap(c.transport, opts...), req); got != raw {
					t.Errorf("%s: %s\nraw: %s", state, got, raw)
				}
			}
			if n := len(tracer.Calls()); n != 1 {
				t.Errorf("%d calls drawn, want 1", n)
			}
			for _, problem := range tracer.Problems() {
				if !strings.Contains(problem, "parent") { // which is not finished
					t.Error(problem)
				}
			}
		})
	}
}

func TestNilRequestReachesTheTransport(t *testing.T) {
	copes := roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("request %v", r)
	})
	for name, transport := range map[string]http.RoundTripper{"net/http": &http.Transport{}, "one that copes": copes} {
		raw := roundTrip(transport, nil)
		if got := roundTrip(nethttp.Wrap(transport, gaptrace.WithRoots(), gaptrace.WithTracer(spantest.NewTracer())), nil); got != raw {
			t.Errorf("%s: %s, raw %s", name, got, raw)
		}
	}
}
