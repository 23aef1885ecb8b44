package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// underClient returns a client that is wrapped, and what [spantest.Under] returns.
func underClient(t *testing.T, rt http.RoundTripper, opts ...gaptrace.Option) (
	client *http.Client, tracer *spantest.Tracer, ctx context.Context, parent opentracing.Span,
) {
	tracer, ctx, parent = spantest.Under(t)
	opts = append(opts, gaptrace.WithTracer(tracer))
	return nethttp.WrapClient(&http.Client{Transport: rt}, opts...), tracer, ctx, parent
}

func TestClientSpan(t *testing.T) {
	const (
		before = " component=net/http"
		tags   = ` http.method=GET http.status_code=%d http.url=http://127.0.0.1:PORT/%s` +
			` peer.hostname=127.0.0.1 peer.port=PORT span.kind=client`
		failed = "\n    * event=error error.kind="
	)
	server := ways(t)
	for path, want := range map[string]string{
		"ok":      "  HTTP GET bytes=4" + before + fmt.Sprintf(tags, 200, "ok"),
		"none":    "  HTTP GET" + before + fmt.Sprintf(tags, 204, "none"),
		"missing": "  HTTP GET bytes=3" + before + fmt.Sprintf(tags, 404, "missing"),
		"down": "  HTTP GET bytes=3" + before + " error=true" + fmt.Sprintf(tags, 503, "down") +
			failed + `nethttp.StatusError message="503 Service Unavailable"`,
		"redirect": "  HTTP GET bytes=26" + before + fmt.Sprintf(tags, 302, "redirect") +
			"\n  HTTP GET bytes=4" + before + fmt.Sprintf(tags, 200, "ok"),
		"truncated": "  HTTP GET bytes=4" + before + " error=true" + fmt.Sprintf(tags, 200, "truncated") +
			failed + `*errors.errorString message="unexpected EOF"`,
	} {
		t.Run(path, func(t *testing.T) {
			client, tracer, ctx, parent := underClient(t, server.Client().Transport)
			_ = readAndClose(client.Do(get(ctx, server.URL+"/"+path)))
			spantest.WantUnder(t, tracer, parent, want+"\n", replacePort(server)...)
		})
	}
}

func TestClientFailure(t *testing.T) {
	server := ways(t)
	hungUp := func(ctx context.Context, c *http.Client) error {
		return readAndClose(c.Do(get(ctx, server.URL+"/hangup")))
	}
	refused := func(ctx context.Context, c *http.Client) error {
		return readAndClose(c.Do(get(ctx, "http://127.0.0.1:1/")))
	}
	cancelledBefore := func(ctx context.Context, c *http.Client) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return readAndClose(c.Do(get(ctx, server.URL+"/ok")))
	}
	cancelledInTheBody := func(ctx context.Context, c *http.Client) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		resp, err := c.Do(get(ctx, server.URL+"/slow"))
		cancel()
		return readAndClose(resp, err)
	}
	for name, fail := range map[string]func(ctx context.Context, c *http.Client) error{
		"hung up":               hungUp,
		"refused":               refused,
		"cancelled before":      cancelledBefore,
		"cancelled in the body": cancelledInTheBody,
	} {
		t.Run(name, func(t *testing.T) {
			client, tracer, ctx, parent := underClient(t, server.Client().Transport)
			if err := fail(ctx, client); err == nil {
				t.Fatal("no error")
			}
			parent.Finish()
			call := tracer.Only(t, "HTTP GET")
			if call.Tags["error"] != true || len(call.Logs) != 1 || tracer.Problems() != nil {
				t.Errorf("got\n%s", tracer.Tree())
			}
		})
	}
}

func TestClientWaits(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	synctest.Test(t, func(t *testing.T) {
		rt := nethttp.Wrap(roundTripper(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Millisecond)
			return &http.Response{StatusCode: 200, Body: &slowBody{3}}, nil
		}), gaptrace.WithTracer(tracer))
		resp := spantest.Must(rt.RoundTrip(get(ctx, "http://example.com/")))(t)
		for err := error(nil); err == nil; {
			time.Sleep(2 * time.Millisecond) // the caller's work between reads: self time
			_, err = resp.Body.Read(make([]byte, 5))
		}
	})
	parent.Finish()
	call, waits := tracer.Only(t, "HTTP GET"), tracer.Named("HTTP GET wait")
	if call.Duration() != time.Millisecond || call.Tags["wait.us"] != int64(16000) || call.Tags["bytes"] != int64(15) {
		t.Errorf("the call took %v, %v", call.Duration(), call.Tags)
	}
	if len(waits) != 3 {
		t.Errorf("%d waits, want 3", len(waits))
	}
	for _, wait := range waits {
		if wait.ParentID != call.ParentID || wait.FollowsID != call.ID || wait.Duration() != 5*time.Millisecond {
			t.Errorf("wait %+v of call %+v", wait, call)
		}
	}
}

func TestClientHookIsNoWait(t *testing.T) {
	for name, body := range map[string]io.ReadCloser{
		"no body":     nil,
		"http.NoBody": http.NoBody,
		"a body":      io.NopCloser(strings.NewReader("down")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked error
				expected := gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool {
					time.Sleep(time.Second)
					asked = err
					return false
				})
				client, tracer, ctx, parent := underClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 503, Body: body}, nil
				}), expected)
				resp := spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/")))(t)
				if resp.Body != nil {
					resp.Body.Close()
				}
				parent.Finish()
				call := tracer.Only(t, "HTTP GET")
				if asked != nethttp.StatusError(503) || call.Tags["error"] != true {
					t.Errorf("asked %v, %v", asked, call.Tags)
				}
				if call.Duration() != 0 || call.Tags["wait.us"] != nil {
					t.Errorf("took %v, %v", call.Duration(), call.Tags)
				}
			})
		})
	}
}

func TestClientRequestIsNotChanged(t *testing.T) {
	server := ways(t)
	client, _, ctx, _ := underClient(t, server.Client().Transport)
	req := get(ctx, server.URL+"/ok")
	req.Header.Set("Mine", "1")
	resp := spantest.Must(client.Transport.RoundTrip(req))(t)
	resp.Body.Close()
	if len(req.Header) != 1 || req.Context() != ctx || resp.Request != req {
		t.Errorf("request %+v, the response's %p of %p", req, resp.Request, req)
	}
}

func TestClientUpgrade(t *testing.T) {
	server := ways(t)
	client, tracer, ctx, parent := underClient(t, server.Client().Transport)
	resp := spantest.Must(client.Do(get(ctx, server.URL+"/upgrade")))(t)
	tracer.Only(t, "HTTP GET") // it has ended at 101
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("the body is a %T", resp.Body)
	}
	io.WriteString(conn, "echo\n")
	if got, err := io.ReadAll(conn); string(got) != "echo\n" || err != nil {
		t.Errorf("echo is %q, %v", got, err)
	}
	conn.Close()
	parent.Finish()
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
}

func TestClientPanicPassesOn(t *testing.T) {
	client, tracer, ctx, _ := underClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
		panic("transport")
	}))
	defer func() {
		if got := recover(); got != "transport" {
			t.Errorf("recovered %v", got)
		}
		if spans := tracer.Spans(); len(spans) != 1 || spans[0].Tags["error"] != true {
			t.Error(tracer.Tree())
		}
	}()
	client.Transport.RoundTrip(get(ctx, "http://example.com/"))
}

func TestClientAbandonedBody(t *testing.T) {
	server := ways(t)
	client, tracer, ctx, _ := underClient(t, &http.Transport{DisableKeepAlives: true})
	if _, err := client.Do(get(ctx, server.URL+"/ok")); err != nil {
		t.Fatal(err)
	}
	spantest.Await(t, "the call is reported", func() bool {
		runtime.GC()
		return len(tracer.Spans()) > 0
	})
	if s := tracer.Spans()[0]; s.Tags["abandoned"] != true {
		t.Error(tracer.Tree())
	}
}

func TestClientParentOfServer(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n := len(r.Header["Spantest-Trace"]) + len(r.Header["Spantest-Span"]); n != 2 {
			t.Errorf("the server was sent %v", r.Header)
		}
	}), gaptrace.WithTracer(tracer)))
	client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
	req := get(ctx, server.URL)
	req.Header.Set("Spantest-Trace", "stale") // of an earlier hop; in any spelling it is replaced
	req.Header["spantest-span"] = []string{"stale"}
	req.Header["SPANTEST-TRACE"] = []string{"stale"}
	if err := readAndClose(client.Do(req)); err != nil {
		t.Fatal(err)
	}
	server.Close()
	parent.Finish()
	spans := tracer.Named("HTTP GET")
	if len(spans) != 2 || spans[1].ParentID != spans[0].ID {
		t.Errorf("want the client's span and the server's under it, got\n%s", tracer.Tree())
	}
}

func TestClientOperation(t *testing.T) {
	client, tracer, ctx, _ := underClient(t, always(200))
	for method, want := range map[string]string{"": "HTTP GET", "PUT": "HTTP PUT", "X-FANTASY": "HTTP OTHER"} {
		tracer.Reset()
		req := get(ctx, "http://example.com/")
		req.Method = method
		client.Transport.RoundTrip(req)
		if got := tracer.Spans()[0].Operation; got != want {
			t.Errorf("%q is named %q, want %q", method, got, want)
		}
	}
}
