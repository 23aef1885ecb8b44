package nethttp_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// answering is a transport whose answers have this status, these headers and no body.
func answering(status int, header http.Header) http.RoundTripper {
	return roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header}, nil
	})
}

// elsewhere calls f on a goroutine that f may end.
func elsewhere(f func()) {
	var group sync.WaitGroup
	group.Go(f)
	group.Wait()
}

func TestFailureByStatus(t *testing.T) {
	only404 := gaptrace.WithFailure(func(_ gaptrace.Call, status int) bool { return status == http.StatusNotFound })
	for status, failure := range map[int]any{http.StatusOK: nil, http.StatusNotFound: true, http.StatusBadGateway: nil} {
		client, tracer, ctx, _ := underClient(t, answering(status, nil), only404)
		spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/")))(t)
		if got := tracer.Only(t, "HTTP GET").Tags["error"]; got != failure {
			t.Errorf("client, status %d: error=%v, want %v", status, got, failure)
		}
		tracer = handle(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil),
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, only404)
		if got := tracer.Only(t, "HTTP GET").Tags["error"]; got != failure {
			t.Errorf("server, status %d: error=%v, want %v", status, got, failure)
		}
	}
}

func TestFailureHook(t *testing.T) {
	t.Run("is no wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, tracer, ctx, _ := underClient(t, answering(500, nil),
				gaptrace.WithFailure(func(gaptrace.Call, int) bool { time.Sleep(time.Second); return true }))
			spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/")))(t)
			if call := tracer.Only(t, "HTTP GET"); call.Duration() != 0 || call.Tags["error"] != true {
				t.Errorf("took %v, %v", call.Duration(), call.Tags)
			}
		})
	})
	t.Run("may panic", func(t *testing.T) {
		client, tracer, ctx, _ := underClient(t, answering(500, nil),
			gaptrace.WithFailure(func(gaptrace.Call, int) bool { panic("hook") }))
		spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/")))(t)
		if call := tracer.Only(t, "HTTP GET"); call.Tags["error"] != true {
			t.Errorf("not the wrapper's own rule: %v", call.Tags)
		}
	})
	t.Run("may end the goroutine", func(t *testing.T) {
		for _, hook := range []gaptrace.Option{
			gaptrace.WithFailure(func(gaptrace.Call, int) bool { runtime.Goexit(); return true }),
			gaptrace.WithExpected(func(gaptrace.Call, error) bool { runtime.Goexit(); return true }),
		} {
			client, tracer, ctx, _ := underClient(t, answering(500, nil), hook)
			elsewhere(func() { client.Transport.RoundTrip(get(ctx, "http://example.com/")) })
			tracer.Only(t, "HTTP GET")
			tracer = spantest.NewTracer()
			server := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
			}), hook, gaptrace.WithTracer(tracer))
			elsewhere(func() { server.ServeHTTP(httptest.NewRecorder(), newGet()) })
			tracer.Only(t, "HTTP GET")
		}
	})
	t.Run("asks WithExpected", func(t *testing.T) {
		client, tracer, ctx, _ := underClient(t, answering(404, nil),
			gaptrace.WithFailure(func(gaptrace.Call, int) bool { return true }),
			gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { return err == nethttp.StatusError(404) }))
		spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/")))(t)
		if call := tracer.Only(t, "HTTP GET"); call.Tags["error"] != nil {
			t.Errorf("%v", call.Tags)
		}
	})
}

func TestHeaders(t *testing.T) {
	header := http.Header{
		"Accept": {"text/html", "*/*"}, "Authorization": {"Basic secret"}, "Cookie": {"id=secret"},
		"Referer": {"http://example.com/?token=secret"}, "Location": {"/cb?code=secret"},
		"Www-Authenticate": {"Negotiate secret"}, "Other": {"not listed"},
	}
	opt := gaptrace.WithHeaders(
		"accept", "AUTHORIZATION", "Cookie", "Referer", "Location", "WWW-Authenticate", "Absent", "Late")
	want := func(prefix string) map[string]any {
		return map[string]any{
			prefix + "accept": "text/html, */*", prefix + "authorization": "hidden", prefix + "cookie": "hidden",
			prefix + "referer": "http://example.com/?token=hidden", prefix + "location": "/cb?code=hidden",
			prefix + "www-authenticate": "hidden", prefix + "other": nil, prefix + "absent": nil, prefix + "late": nil,
		}
	}
	check := func(side string, got *spantest.Span, want map[string]any) {
		t.Helper()
		for key, value := range want {
			if got.Tags[key] != value {
				t.Errorf("%s: %s is %v, want %v", side, key, got.Tags[key], value)
			}
		}
	}
	client, tracer, ctx, _ := underClient(t, answering(200, header), opt)
	req := get(ctx, "http://example.com/")
	req.Header = header
	spantest.Must(client.Transport.RoundTrip(req))(t)
	span := tracer.Only(t, "HTTP GET")
	check("client's request", span, want("http.request.header."))
	check("client's response", span, want("http.response.header."))

	served := httptest.NewRequest("GET", "/", nil)
	served.Header = header
	tracer = handle(httptest.NewRecorder(), served, func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(http.StatusOK)
		w.Header().Set("Late", "not sent")
	}, opt)
	span = tracer.Only(t, "HTTP GET")
	check("server's request", span, want("http.request.header."))
	check("server's response", span, want("http.response.header."))
}

func TestContextWithRoute(t *testing.T) {
	client, tracer, ctx, parent := underClient(t, answering(200, nil))
	ctx = nethttp.ContextWithRoute(ctx, "/books/{id}")
	spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/books/7")))(t)
	spantest.WantUnder(t, tracer, parent, "  HTTP GET /books/{id} component=net/http http.method=GET"+
		" http.route=/books/{id} http.status_code=200 http.url=http://example.com/books/7"+
		" peer.hostname=example.com span.kind=client\n")
}

func TestContextWithTags(t *testing.T) {
	client, tracer, ctx, _ := underClient(t, answering(200, nil), gaptrace.WithBaggage("tenant", "absent"),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
			return opentracing.Tags{"a": "hook", "b": "hook", "baggage.tenant": "?"}
		}))
	opentracing.SpanFromContext(ctx).SetBaggageItem("tenant", "7").SetBaggageItem("other", "8")
	ctx = gaptrace.ContextWithTags(ctx, opentracing.Tags{"b": "outer", "c": "outer", "d": "outer", "http.method": "mine"})
	ctx = gaptrace.ContextWithTags(ctx, opentracing.Tags{"c": "inner", "component": "not allowed"})
	spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/")))(t)
	tags := tracer.Only(t, "HTTP GET").Tags
	for key, want := range map[string]any{
		"a": "hook", "b": "outer", "c": "inner", "d": "outer", "http.method": "mine", "component": "net/http",
		"baggage.tenant": "?", "baggage.other": nil, "baggage.absent": nil,
	} {
		if tags[key] != want {
			t.Errorf("%s is %v, want %v", key, tags[key], want)
		}
	}
}

func TestBaggage(t *testing.T) {
	client, tracer, ctx, _ := underClient(t, answering(200, nil), gaptrace.WithBaggage("Tenant", "link", "session_token"))
	opentracing.SpanFromContext(ctx).SetBaggageItem("tenant", "7").SetBaggageItem("link", "http://x/?token=secret").
		SetBaggageItem("session_token", "secret")
	spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/")))(t)
	tags := tracer.Only(t, "HTTP GET").Tags
	if tags["baggage.Tenant"] != "7" || tags["baggage.link"] != "http://x/?token=hidden" ||
		tags["baggage.session_token"] != "hidden" {
		t.Errorf("got %v", tags)
	}
}
