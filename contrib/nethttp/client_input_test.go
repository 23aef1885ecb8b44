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

var errOdd = errors.New("odd")

// textOf returns a response with a body.
func textOf(req *http.Request) *http.Response {
	return &http.Response{StatusCode: 200, Request: req, Body: io.NopCloser(strings.NewReader("text"))}
}

// oddTransports break the rules of http.RoundTripper, or go to their limits.
var oddTransports = map[string]http.RoundTripper{
	"no response, no error": roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, nil
	}),
	"an error": roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, errOdd
	}),
	"a response and an error": roundTripper(func(r *http.Request) (*http.Response, error) {
		return textOf(r), errOdd
	}),
	"http.NoBody and an error": roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody}, errOdd
	}),
	"http.NoBody": roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}),
	"a response without a body": roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Request: r}, nil
	}),
	"a response without a request": roundTripper(func(*http.Request) (*http.Response, error) {
		return textOf(nil), nil
	}),
	"an empty response": roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{}, nil
	}),
	"no header allowed": roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Header != nil {
			return nil, errOdd
		}
		return textOf(r), nil
	}),
	"a panic": roundTripper(func(*http.Request) (*http.Response, error) {
		panic(errOdd)
	}),
	"a nil *http.Transport": (*http.Transport)(nil),
}

// oddRequests are those that net/http refuses, or reads in a way of its own.
func oddRequests(to *url.URL) map[string]*http.Request {
	header := http.Header{"A": {"b"}}
	return map[string]*http.Request{
		"a method":             {URL: to, Header: header, Method: "GET"},
		"no URL":               {Header: header},
		"an empty URL":         {URL: &url.URL{}, Header: header},
		"no header":            {URL: to},
		"nothing":              {},
		"no method":            {URL: to, Header: header},
		"a bad method":         {URL: to, Header: header, Method: "a b"},
		"a bad header":         {URL: to, Header: http.Header{"a b": {"c"}}},
		"a length but no body": {URL: to, Header: header, Method: "POST", ContentLength: 4},
	}
}

func TestClientOddInput(t *testing.T) {
	server := ways(t)
	to := spantest.Must(url.Parse(server.URL + "/ok"))(t)
	for name, req := range oddRequests(to) {
		t.Run("request/"+name, func(t *testing.T) { sameRoundTrip(t, server.Client().Transport, req) })
	}
	for name, rt := range oddTransports {
		t.Run("transport/"+name, func(t *testing.T) {
			sameRoundTrip(t, rt, &http.Request{URL: to, Header: http.Header{"A": {"b"}}})
		})
		t.Run("transport, no header/"+name, func(t *testing.T) { sameRoundTrip(t, rt, &http.Request{URL: to}) })
	}
}

// sameRoundTrip compares the raw with the wrapped transport, for each kind of tracer.
func sameRoundTrip(t *testing.T, rt http.RoundTripper, req *http.Request) {
	raw := roundTrip(rt, req)
	recorded := spantest.NewTracer()
	for state, tracer := range map[string]opentracing.Tracer{
		"recorded":    recorded,
		"sampled":     spantest.Jaeger(t, true, nil),
		"not sampled": spantest.Jaeger(t, false, nil),
		"no parent":   nil,
	} {
		req := req
		opts := []gaptrace.Option{gaptrace.WithPhases()}
		if tracer != nil {
			req = req.WithContext(opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent")))
			opts = append(opts, gaptrace.WithTracer(tracer))
		}
		if got := roundTrip(nethttp.Wrap(rt, opts...), req); got != raw {
			t.Errorf("%s: %s\nraw: %s", state, got, raw)
		}
	}
	if n := len(recorded.Calls()); n != 1 {
		t.Errorf("%d calls recorded, want 1", n)
	}
	for _, problem := range recorded.Problems() {
		if problem != "parent: never finished" {
			t.Error(problem)
		}
	}
}

// connectionClosed is one of two errors for a refused request: net/http's writer closes the
// connection, and its reader may notice before RoundTrip has the writer's error.
var connectionClosed = regexp.MustCompile(`read tcp \S+: use of closed network connection`)

// roundTrip describes all that a caller of RoundTrip can observe.
func roundTrip(rt http.RoundTripper, req *http.Request) (seen string) {
	defer func() {
		if failure := recover(); failure != nil {
			seen = fmt.Sprintf("panic: %v", failure)
		}
	}()
	resp, err := rt.RoundTrip(req)
	seen = fmt.Sprintf("error %v", err)
	seen = connectionClosed.ReplaceAllString(seen, "http: Request.ContentLength=4 with nil Body")
	if errors.Is(err, errOdd) && err != errOdd {
		seen += ", wrapped"
	}
	if resp == nil {
		return seen + ", no response"
	}
	seen += fmt.Sprintf(", status %d, request as sent %v", resp.StatusCode, resp.Request == req)
	if resp.Body == nil {
		return seen + ", no body"
	}
	if resp.Body == http.NoBody {
		return seen + ", http.NoBody"
	}
	body, err := io.ReadAll(resp.Body)
	return seen + fmt.Sprintf(", body %q %v, closed %v", body, err, resp.Body.Close())
}

func TestClientNilRequest(t *testing.T) {
	copes := roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("request %v", r)
	})
	for name, transport := range map[string]http.RoundTripper{"net/http": &http.Transport{}, "one that copes": copes} {
		raw := roundTrip(transport, nil)
		wrapped := nethttp.Wrap(transport, gaptrace.WithRoots(), gaptrace.WithTracer(spantest.NewTracer()))
		if got := roundTrip(wrapped, nil); got != raw {
			t.Errorf("%s: %s, raw %s", name, got, raw)
		}
	}
}
