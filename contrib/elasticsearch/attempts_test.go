package gapes_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// logs returns what a span logged. names replaces the nodes' addresses.
func logs(span *spantest.Span, names ...string) string {
	var lines []string
	for _, record := range span.Logs {
		var line []string
		for _, field := range record.Fields {
			switch field.Key() {
			case "error.kind", "error.object", "addr":
			case "event":
				line = append(line, fmt.Sprint(field.Value()))
			default:
				line = append(line, fmt.Sprintf("%s=%v", field.Key(), field.Value()))
			}
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return strings.NewReplacer(names...).Replace(strings.Join(lines, ", "))
}

var interceptor = []elastictransport.InterceptorFunc{gapes.Interceptor}

// intercepted sends requests through interceptors and then through n. A client does the same with
// Config.Interceptors, which the oldest supported client lacks.
func intercepted(interceptors []elastictransport.InterceptorFunc, n http.RoundTripper) http.RoundTripper {
	send := elastictransport.RoundTripFunc(n.RoundTrip)
	for _, intercept := range slices.Backward(interceptors) {
		send = intercept(send)
	}
	return network(send)
}

// inTurn selects three nodes in their order. The client removes the first when it fails.
type inTurn struct{ asked int }

func (s *inTurn) Select(conns []*elastictransport.Connection) (*elastictransport.Connection, error) {
	s.asked++
	return conns[[]int{0, 0, 1}[s.asked-1]], nil
}

// startNode starts a server that answers every request like a node of Elasticsearch, with status.
func startNode(status int) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answerWith(w, status, "")
	}))
}

func TestRetryIsLogged(t *testing.T) {
	busy, well := startNode(http.StatusServiceUnavailable), startNode(http.StatusOK)
	defer busy.Close()
	defer well.Close()
	const nobody = "127.0.0.1:1"
	host := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	names := []string{host(busy), "BUSY", host(well), "WELL", nobody, "NOBODY"}

	const refused = "message=dial tcp NOBODY: connect: connection refused"
	for name, tt := range map[string]struct {
		interceptors []elastictransport.InterceptorFunc
		options      []gaptrace.Option
		want         string
	}{
		"by net/http":    {nil, []gaptrace.Option{gaptrace.WithPhases()}, "connect_start, connect_done " + refused + ", retry attempt=2 node=BUSY, connect_start, connect_done, retry attempt=3 node=WELL, connect_start, connect_done"},
		"by Interceptor": {interceptor, []gaptrace.Option{gaptrace.WithPhases()}, "connect_start, connect_done " + refused + ", retry attempt=2 node=BUSY " + refused + ", connect_start, connect_done, retry status=503 attempt=3 node=WELL, connect_start, connect_done"},
		"without phases": {interceptor, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			transport := http.DefaultTransport.(*http.Transport).Clone()
			defer transport.CloseIdleConnections()
			c := newWrapped(t, tracer, elasticsearch.Config{
				Addresses: []string{"http://" + nobody, busy.URL, well.URL}, Selector: &inTurn{},
				Transport: intercepted(tt.interceptors, transport),
			}, tt.options...)
			res, err := c.Info(c.Info.WithContext(underParent(t, tracer)))
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			span := only(t, tracer)
			if got := strings.ReplaceAll(logs(span, names...), ", message", " message"); got != tt.want ||
				span.Tags["es.attempts"] != 3 {
				t.Errorf("%v attempts, logged\n%s, want\n%s", span.Tags["es.attempts"], got, tt.want)
			}
		})
	}
}

func TestInterceptorCountsWithAnyRoundTripper(t *testing.T) {
	for _, tt := range []struct {
		interceptors []elastictransport.InterceptorFunc
		failures     int
		want         any
	}{
		{interceptor, 0, nil},
		{interceptor, 1, 2},
		{interceptor, 9, 4}, // go-elasticsearch retries three times
		{nil, 1, nil},
	} {
		failures := tt.failures
		tracer := spantest.NewTracer()
		failing := network(func(*http.Request) (*http.Response, error) {
			if failures--; failures >= 0 {
				return nil, errors.New("broken")
			}
			return answer(200, strings.NewReader("{}")), nil
		})
		c := newWrapped(t, tracer, elasticsearch.Config{Transport: intercepted(tt.interceptors, failing)})
		if res, err := c.Info(c.Info.WithContext(underParent(t, tracer))); err == nil {
			consume(t, res.Body)
		}
		if got := only(t, tracer).Tags["es.attempts"]; got != tt.want {
			t.Errorf("%+v: %v attempts", tt, got)
		}
		if _, err := c.Info(); err == nil && tt.failures == 9 { // without a parent, nothing is recorded
			t.Error("no error")
		}
	}
}

func TestRetryLogsOnlyTheAttemptBefore(t *testing.T) {
	tracer, asked := spantest.NewTracer(), 0
	failing := network(func(*http.Request) (*http.Response, error) {
		switch asked++; asked {
		case 1:
			return answer(503, strings.NewReader("")), nil
		case 2:
			return nil, errors.New("broken")
		}
		return answer(502, strings.NewReader("")), nil
	})
	c := newWrapped(t, tracer, elasticsearch.Config{
		Addresses: []string{"http://node:9200"}, Transport: intercepted(interceptor, failing),
	}, gaptrace.WithPhases())
	res, err := c.Info(c.Info.WithContext(underParent(t, tracer)))
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	const want = "retry status=503 attempt=2 node=node:9200, retry attempt=3 node=node:9200 message=broken, retry status=502 attempt=4 node=node:9200, message=502 Bad Gateway"
	if got := strings.ReplaceAll(logs(only(t, tracer)), "error message", "message"); got != want {
		t.Errorf("logged\n%s, want\n%s", got, want)
	}
}

// An interceptor that fetches a token uses the request's context for a request of its own.
func TestInterceptorIgnoresOtherRequests(t *testing.T) {
	server := startNode(http.StatusOK)
	defer server.Close()
	fetching := func(next elastictransport.RoundTripFunc) elastictransport.RoundTripFunc {
		return func(req *http.Request) (*http.Response, error) {
			token, err := http.NewRequestWithContext(req.Context(), "GET", server.URL, nil)
			if err != nil {
				return nil, err
			}
			res, err := http.DefaultTransport.RoundTrip(token)
			if err != nil {
				return nil, err
			}
			res.Body.Close()
			return next(req)
		}
	}
	for name, interceptors := range map[string][]elastictransport.InterceptorFunc{
		"before it": {gapes.Interceptor, fetching},
		"after it":  {fetching, gapes.Interceptor},
	} {
		tracer := spantest.NewTracer()
		c := newWrapped(t, tracer, elasticsearch.Config{
			Addresses: []string{server.URL}, Transport: intercepted(interceptors, http.DefaultTransport),
		}, gaptrace.WithPhases())
		res, err := c.Info(c.Info.WithContext(underParent(t, tracer)))
		if err != nil {
			t.Fatal(err)
		}
		consume(t, res.Body)
		if span := only(t, tracer); span.Tags["es.attempts"] != nil || strings.Contains(logs(span), "retry") {
			t.Errorf("%s: %v attempts, logged %s", name, span.Tags["es.attempts"], logs(span))
		}
	}
}

func TestSingleAttemptIsNotTagged(t *testing.T) {
	server := startNode(http.StatusOK)
	defer server.Close()
	tracer := spantest.NewTracer()
	c := newWrapped(t, tracer, elasticsearch.Config{Addresses: []string{server.URL}})
	for range 3 { // over one connection
		res, err := c.Info(c.Info.WithContext(underParent(t, tracer)))
		if err != nil {
			t.Fatal(err)
		}
		consume(t, res.Body)
	}
	for _, span := range tracer.Named("elasticsearch info") {
		if span.Tags["es.attempts"] != nil || span.Logs != nil {
			t.Errorf("%v, %v", span.Tags, span.Logs)
		}
	}
}
