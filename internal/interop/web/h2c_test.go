package web_test

//lint:file-ignore SA1019 h2c is deprecated, and in use.

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

// served answers with what it finds in the request, and draws a span "work".
func served(tracer opentracing.Tracer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if opentracing.SpanFromContext(r.Context()) != nil {
			span, _ := opentracing.StartSpanFromContextWithTracer(r.Context(), tracer, "work")
			span.Finish()
		}
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, r.URL.Path, r.Proto, string(body), err, assertable(w))
	})
}

// logs is a middleware that wraps the server's writer and does not support HTTP/2.
func logs(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(unwraps{w}, r) })
}

func TestUnencryptedHTTP2(t *testing.T) {
	same := func(h http.Handler) http.Handler { return h }
	ofNet := func(h http.Handler) http.Handler { return h2c.NewHandler(h, &http2.Server{}) }
	for name, c := range map[string]struct {
		server func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler
		own    bool // http.Server itself speaks HTTP/2
		drawn  bool // each request is drawn; otherwise nothing is
	}{
		"h2c.NewHandler outside": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler { return ofNet(wrap(h)) }, false, true},
		"h2c.NewHandler inside":  {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler { return wrap(ofNet(h)) }, false, true},
		"inside, wrapped twice": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler {
			return wrap(wrap(ofNet(wrap(h))))
		}, false, true},
		"inside a middleware": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler { return wrap(logs(ofNet(h))) }, false, false},
		"inside one, wrapped both sides": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler {
			return wrap(logs(ofNet(wrap(h))))
		}, false, true},
		"http.Server": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler { return wrap(h) }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			visit := func(h http.Handler) string {
				server := httptest.NewUnstartedServer(h)
				server.Config.Protocols = new(http.Protocols)
				server.Config.Protocols.SetHTTP1(true)
				server.Config.Protocols.SetUnencryptedHTTP2(c.own)
				server.Start()
				defer server.Close()
				transport := &http.Transport{Protocols: new(http.Protocols)}
				transport.Protocols.SetUnencryptedHTTP2(true)
				defer transport.CloseIdleConnections()
				var seen strings.Builder
				for _, path := range []string{"/first", "/second"} {
					resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Post(server.URL+path, "text/plain", strings.NewReader("body"))
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					fmt.Fprintf(&seen, "%s %s %q %v\n", resp.Proto, resp.Status, body, err)
				}
				resp, err := http.Post(server.URL+"/third", "text/plain", strings.NewReader("HTTP/1.1"))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				fmt.Fprintf(&seen, "%s %s %q %v\n", resp.Proto, resp.Status, body, err)
				return seen.String()
			}
			raw := visit(c.server(served(nil), same))
			for _, sampled := range []bool{true, false} {
				tracer := spantest.NewTracer()
				var used opentracing.Tracer = tracer
				if !sampled {
					used = unsampled(t)
				}
				wrapped := visit(c.server(served(used), func(h http.Handler) http.Handler {
					return nethttp.WrapHandler(h, gaptrace.WithTracer(used))
				}))
				if wrapped != raw || strings.Count(raw, "HTTP/2.0 200 OK") != 2 {
					t.Errorf("sampled %v: raw\n%s\nwrapped\n%s", sampled, raw, wrapped)
				}
				if !sampled {
					continue
				}
				for _, span := range tracer.Spans() {
					if strings.Contains(span.Operation, "OTHER") || span.Operation == "work" && span.ParentID == 0 {
						t.Error(tracer.Tree())
					}
				}
				want := 3 // requests, one of them over HTTP/1.1
				if !c.drawn {
					want = 1
				}
				if got := strings.Count("\n"+tracer.Tree(), "\nHTTP POST "); got != want || len(tracer.Named("work")) != want || tracer.Problems() != nil {
					t.Errorf("%d requests are drawn, want %d:\n%s%v", got, want, tracer.Tree(), tracer.Problems())
				}
			}
		})
	}
}

// TestAnUpgradeToUnencryptedHTTP2 has a client that upgrades by a request over HTTP/1.1 and then
// sends another request.
func TestAnUpgradeToUnencryptedHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		server func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler
		drawn  string
	}{
		"outside": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler {
			return h2c.NewHandler(wrap(h), &http2.Server{})
		}, "/upgraded 200, /second 200"},
		"inside": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler {
			return wrap(h2c.NewHandler(h, &http2.Server{}))
		}, "/upgraded 200, /second 200"},
		"inside a middleware": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler {
			return wrap(logs(h2c.NewHandler(h, &http2.Server{})))
		}, "/upgraded 101"},
		"refused": {func(h http.Handler, wrap func(http.Handler) http.Handler) http.Handler { return wrap(h) }, "/upgraded 200"},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			raw := upgrade(t, c.server(served(nil), func(h http.Handler) http.Handler { return h }), func() {})
			wrapped := upgrade(t, c.server(served(tracer), func(h http.Handler) http.Handler {
				return nethttp.WrapHandler(h, gaptrace.WithTracer(tracer))
			}), func() {
				if p := tracer.Problems(); p != nil {
					t.Errorf("while the connection is open: %v", p)
				}
			})
			if raw != wrapped {
				t.Errorf("raw\n%s\nwrapped\n%s", raw, wrapped)
			}
			var drawn []string
			for _, span := range tracer.Spans() {
				if url, ok := span.Tags["http.url"].(string); ok {
					drawn = append(drawn, fmt.Sprint(url[strings.LastIndexByte(url, '/'):], " ", span.Tags["http.status_code"]))
				}
			}
			if got := strings.Join(drawn, ", "); got != c.drawn || tracer.Problems() != nil {
				t.Errorf("drawn %q, want %q %v\n%s", got, c.drawn, tracer.Problems(), tracer.Tree())
			}
		})
	}
}

// upgrade sends two requests, calls open while the connection is still open, and returns the
// answers.
func upgrade(t *testing.T, h http.Handler, open func()) string {
	server := httptest.NewServer(h)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	settings := base64.RawURLEncoding.EncodeToString(nil)
	fmt.Fprintf(conn, "GET /upgraded HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: %s\r\n\r\n", settings)
	from := bufio.NewReader(conn)
	resp, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(resp.Body)
		return fmt.Sprintf("%s %q %v", resp.Status, body, err)
	}
	io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, from)
	framer.WriteSettings()
	var seen strings.Builder
	bodyOf := func(stream uint32) {
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			switch f := frame.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					framer.WriteSettingsAck()
				}
			case *http2.DataFrame:
				fmt.Fprintf(&seen, "%d %s\n", f.StreamID, f.Data())
			}
			if f := frame.Header(); f.StreamID == stream && f.Flags.Has(http2.FlagDataEndStream) {
				return
			}
		}
	}
	bodyOf(1)
	framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 3, EndStream: true, EndHeaders: true,
		// :method GET, :scheme http, :path /second, :authority x, as HPACK writes them without its
		// tables
		BlockFragment: []byte("\x82\x86\x04\x07/second\x01\x01x"),
	})
	bodyOf(3)
	open()
	return seen.String()
}

func unsampled(t *testing.T) opentracing.Tracer {
	tracer, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
	t.Cleanup(func() { closer.Close() })
	return tracer
}
