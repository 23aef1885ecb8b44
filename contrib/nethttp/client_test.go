package nethttp_test

import (
	"context"
	"errors"
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

// ways is a server that answers in the way its path says.
func ways(t testing.TB) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") })
	mux.HandleFunc("/none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/missing", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) })
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/truncated", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
	})
	mux.HandleFunc("/hangup", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			io.WriteString(w, "piece")
			w.(http.Flusher).Flush()
			select {
			case <-time.After(5 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	})
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		buf.Flush()
		line, _ := buf.ReadString('\n')
		buf.WriteString(line)
		buf.Flush()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestEveryEndOfARequestIsOneSpan(t *testing.T) {
	const tags = ` component=net/http http.method=GET http.status_code=%d http.url=http://127.0.0.1:PORT/%s peer.hostname=127.0.0.1 peer.port=PORT span.kind=client`
	server := ways(t)
	for path, want := range map[string]string{
		"ok":        "  HTTP GET bytes=4" + fmt.Sprintf(tags, 200, "ok"),
		"none":      "  HTTP GET" + fmt.Sprintf(tags, 204, "none"),
		"missing":   "  HTTP GET bytes=3" + fmt.Sprintf(tags, 404, "missing"),
		"down":      "  HTTP GET bytes=3 component=net/http error=true" + strings.TrimPrefix(fmt.Sprintf(tags, 503, "down"), " component=net/http") + "\n    * event=error error.kind=nethttp.StatusError message=\"503 Service Unavailable\"",
		"redirect":  "  HTTP GET bytes=26" + fmt.Sprintf(tags, 302, "redirect") + "\n  HTTP GET bytes=4" + fmt.Sprintf(tags, 200, "ok"),
		"truncated": "  HTTP GET bytes=4 component=net/http error=true" + strings.TrimPrefix(fmt.Sprintf(tags, 200, "truncated"), " component=net/http") + "\n    * event=error error.kind=*errors.errorString message=\"unexpected EOF\"",
	} {
		t.Run(path, func(t *testing.T) {
			tracer, ctx, parent := under(t)
			client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
			resp, err := client.Do(get(ctx, server.URL+"/"+path))
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			parent.Finish()
			wantTree(t, tracer.Tree(replacePort(server)...), "parent\n"+want+"\n")
		})
	}
}

func get(ctx context.Context, url string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		panic(err)
	}
	return req
}

func TestAFailedRequestIsOneSpan(t *testing.T) {
	server := ways(t)
	for name, fail := range map[string]func(ctx context.Context, c *http.Client) error{
		"hung up": func(ctx context.Context, c *http.Client) error {
			_, err := c.Do(get(ctx, server.URL+"/hangup"))
			return err
		},
		"refused": func(ctx context.Context, c *http.Client) error {
			_, err := c.Do(get(ctx, "http://127.0.0.1:1/"))
			return err
		},
		"cancelled before": func(ctx context.Context, c *http.Client) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_, err := c.Do(get(ctx, server.URL+"/ok"))
			return err
		},
		"cancelled in the body": func(ctx context.Context, c *http.Client) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			resp, err := c.Do(get(ctx, server.URL+"/slow"))
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			cancel()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, parent := under(t)
			client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
			if err := fail(ctx, client); err == nil {
				t.Fatal("no error")
			}
			parent.Finish()
			spans := tracer.Named("HTTP GET")
			if len(spans) != 1 || spans[0].Tags["error"] != true || len(spans[0].Logs) != 1 || tracer.Problems() != nil {
				t.Errorf("got\n%s", tracer.Tree())
			}
		})
	}
}

// slowBody comes in pieces, each late.
type slowBody struct{ pieces int }

func (b *slowBody) Read(p []byte) (int, error) {
	if b.pieces == 0 {
		return 0, io.EOF
	}
	b.pieces--
	time.Sleep(5 * time.Millisecond)
	return copy(p, "piece"), nil
}

func (*slowBody) Close() error { return nil }

func TestTheWaitsOfASlowBodyAreDrawnUnderTheSameParent(t *testing.T) {
	tracer, ctx, parent := under(t)
	synctest.Test(t, func(t *testing.T) {
		rt := nethttp.Wrap(roundTripper(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Millisecond)
			return &http.Response{StatusCode: 200, Body: &slowBody{3}}, nil
		}), gaptrace.WithTracer(tracer))
		resp, err := rt.RoundTrip(get(ctx, "http://example.com/"))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			time.Sleep(2 * time.Millisecond) // what the caller does between reads is its own time
			_, err = resp.Body.Read(make([]byte, 5))
		}
	})
	parent.Finish()
	call, waits := tracer.Named("HTTP GET")[0], tracer.Named("HTTP GET wait")
	if call.Duration() != time.Millisecond || len(waits) != 3 || call.Tags["wait.us"] != int64(16000) || call.Tags["bytes"] != int64(15) {
		t.Errorf("%d waits after a call of %v, %v", len(waits), call.Duration(), call.Tags)
	}
	for _, wait := range waits {
		if wait.ParentID != call.ParentID || wait.FollowsID != call.ID || wait.Duration() != 5*time.Millisecond {
			t.Errorf("wait %+v of call %+v", wait, call)
		}
	}
}

func TestTheCallersRequestIsNotTouched(t *testing.T) {
	server := ways(t)
	tracer, ctx, _ := under(t)
	client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
	req := get(ctx, server.URL+"/ok")
	req.Header.Set("Mine", "1")
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(req.Header) != 1 || req.Context() != ctx || resp.Request != req {
		t.Errorf("request %+v, the response's %p of %p", req, resp.Request, req)
	}
}

func TestTheServersSpanIsAChildOfTheClients(t *testing.T) {
	tracer, ctx, parent := under(t)
	server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n := len(r.Header["Spantest-Trace"]) + len(r.Header["Spantest-Span"]); n != 2 {
			t.Errorf("the server was sent %v", r.Header)
		}
	}), gaptrace.WithTracer(tracer)))
	client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
	req := get(ctx, server.URL)
	req.Header.Set("Spantest-Trace", "stale") // of another hop: replaced
	req.Header["spantest-span"], req.Header["SPANTEST-TRACE"] = []string{"stale"}, []string{"stale"}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	server.Close()
	parent.Finish()
	servers := 0
	for _, s := range tracer.Named("HTTP GET") {
		if s.Tags["span.kind"] == tracer.Named("HTTP GET")[0].Tags["span.kind"] {
			continue
		}
		servers++
		if s.ParentID != tracer.Named("HTTP GET")[0].ID {
			t.Errorf("server's span hangs under %d", s.ParentID)
		}
	}
	if servers != 1 {
		t.Errorf("%d server spans:\n%s", servers, tracer.Tree())
	}
}

func TestAnUpgradedConnectionStaysAReadWriteCloser(t *testing.T) {
	server := ways(t)
	tracer, ctx, parent := under(t)
	client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
	resp, err := client.Do(get(ctx, server.URL+"/upgrade"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tracer.Named("HTTP GET")); n != 1 {
		t.Errorf("%d spans have ended at 101, want 1", n)
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("body is a %T", resp.Body)
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

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWhatAHookTakesIsNoPartOfTheWait(t *testing.T) {
	for name, body := range map[string]io.ReadCloser{
		"no body": nil, "http.NoBody": http.NoBody, "a body": io.NopCloser(strings.NewReader("down")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, parent := under(t)
				next := roundTripper(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 503, Body: body}, nil
				})
				var asked error
				rt := nethttp.Wrap(next, gaptrace.WithTracer(tracer), gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool {
					time.Sleep(time.Second)
					asked = err
					return false
				}))
				resp, err := rt.RoundTrip(get(ctx, "http://example.com/"))
				if err != nil {
					t.Fatal(err)
				}
				if resp.Body != nil {
					resp.Body.Close()
				}
				parent.Finish()
				call := tracer.Named("HTTP GET")[0]
				if asked != nethttp.StatusError(503) || call.Duration() != 0 || call.Tags["wait.us"] != int64(0) || call.Tags["error"] != true {
					t.Errorf("asked %v, took %v, %v", asked, call.Duration(), call.Tags)
				}
			})
		})
	}
}

func TestOddRoundTrippersAreLeftOdd(t *testing.T) {
	boom := errors.New("boom")
	for name, next := range map[string]roundTripper{
		"no body": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil },
		"http.NoBody": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		},
		"neither": func(*http.Request) (*http.Response, error) { return nil, nil },
		"response and error": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, boom
		},
		"error": func(*http.Request) (*http.Response, error) { return nil, boom },
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, parent := under(t)
			req := get(ctx, "http://example.com/")
			want, wantErr := next(req)
			got, gotErr := nethttp.Wrap(next, gaptrace.WithTracer(tracer)).RoundTrip(req)
			if fmt.Sprint(got) != fmt.Sprint(want) || gotErr != wantErr {
				t.Errorf("got %v, %v, raw %v, %v", got, gotErr, want, wantErr)
			}
			parent.Finish()
			if p := tracer.Problems(); p != nil || len(tracer.Spans()) != 2 {
				t.Errorf("%v\n%s", p, tracer.Tree())
			}
		})
	}
}

func TestAPanicOfTheTransportGoesOn(t *testing.T) {
	tracer, ctx, _ := under(t)
	rt := nethttp.Wrap(roundTripper(func(*http.Request) (*http.Response, error) { panic("transport") }), gaptrace.WithTracer(tracer))
	defer func() {
		if recover() != "transport" {
			t.Error("the panic did not go on")
		}
		if spans := tracer.Spans(); len(spans) != 1 || spans[0].Tags["error"] != true {
			t.Error(tracer.Tree())
		}
	}()
	rt.RoundTrip(get(ctx, "http://example.com/"))
}

func TestABodyNeverClosedIsReported(t *testing.T) {
	server := ways(t)
	tracer, ctx, _ := under(t)
	client := nethttp.WrapClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, gaptrace.WithTracer(tracer))
	if _, err := client.Do(get(ctx, server.URL+"/ok")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); len(tracer.Spans()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no span")
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	if s := tracer.Spans()[0]; s.Tags["abandoned"] != true {
		t.Error(tracer.Tree())
	}
}

func TestNoSecretIsRecorded(t *testing.T) {
	tracer, ctx, parent := under(t)
	rt := nethttp.Wrap(roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 500}, nil
	}), gaptrace.WithTracer(tracer))
	for _, url := range []string{
		"http://user:PLANTED@example.com/",
		"http://PLANTED@example.com/",
		"http://example.com/?access_token=PLANTED&page=2",
		"http://example.com/?page=2&X-Amz-Signature=PLANTED",
		"http://example.com/?a=1;sig=PLANTED;b",
		"http://example.com/?pass%77ord=PLANTED",
		"http://example.com/?clientSecret=PLANTED#fragment",
		"http://example.com/#access_token=PLANTED",
		"http://example.com/?q=%zz&api_key=PLANTED",
	} {
		req := get(ctx, url)
		req.Header.Set("Authorization", "Bearer PLANTED")
		req.AddCookie(&http.Cookie{Name: "session", Value: "PLANTED"})
		rt.RoundTrip(req)
	}
	opaque := get(ctx, "http://example.com/")
	opaque.URL.Opaque = "//user:PLANTED@example.com/path"
	rt.RoundTrip(opaque)
	parent.Finish()
	if tree := tracer.Tree(); strings.Contains(tree, "PLANTED") {
		t.Error(tree)
	}
	if tree := tracer.Tree(); !strings.Contains(tree, "page=2") {
		t.Errorf("other values are lost:\n%s", tree)
	}
}

// badBaggage injects what no header may hold.
type badBaggage struct{ *spantest.Tracer }

func (badBaggage) Inject(_ opentracing.SpanContext, _, carrier any) error {
	w := carrier.(opentracing.TextMapWriter)
	w.Set("uberctx-a b", "x")
	w.Set("uberctx-name", "line\nbreak")
	w.Set("uberctx-fine", "é")
	return nil
}

func TestNoBaggageCanBreakTheRequest(t *testing.T) {
	server := ways(t)
	tracer, ctx, _ := under(t)
	client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(badBaggage{tracer}))
	resp, err := client.Do(get(ctx, server.URL+"/ok"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestPhasesAreLoggedInOrder(t *testing.T) {
	server := ways(t)
	tracer, ctx, _ := under(t)
	client := nethttp.WrapClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
	resp, err := client.Do(get(ctx, server.URL+"/ok"))
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	var events []string
	for _, record := range tracer.Named("HTTP GET")[0].Logs {
		events = append(events, fmt.Sprint(record.Fields[0].Value()))
	}
	if got, want := strings.Join(events, " "), "connect_start connect_done got_conn wrote_request first_byte"; got != want {
		t.Errorf("logged %s, want %s", got, want)
	}
}

func TestMethodsThatAreNotStandardShareAName(t *testing.T) {
	tracer, ctx, _ := under(t)
	rt := nethttp.Wrap(roundTripper(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }), gaptrace.WithTracer(tracer))
	for method, want := range map[string]string{"": "HTTP GET", "PUT": "HTTP PUT", "X-FANTASY": "HTTP OTHER"} {
		tracer.Reset()
		req := get(ctx, "http://example.com/")
		req.Method = method
		rt.RoundTrip(req)
		if got := tracer.Spans()[0].Operation; got != want {
			t.Errorf("%q is named %q, want %q", method, got, want)
		}
	}
}
