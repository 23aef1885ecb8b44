package web_test

//lint:file-ignore SA1019 h2c is deprecated, but programs use it.

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

// handle responds with what it finds in the request, and starts a span "work".
func handle(tracer opentracing.Tracer) http.Handler {
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

// stack puts layers around h. They are separated by spaces, the outermost first: "h2c" is
// h2c.NewHandler, "logs" the middleware, and "wrap" the argument.
func stack(layers string, wrap func(http.Handler) http.Handler, h http.Handler) http.Handler {
	for _, layer := range slices.Backward(strings.Fields(layers)) {
		switch layer {
		case "wrap":
			h = wrap(h)
		case "h2c":
			h = h2c.NewHandler(h, &http2.Server{})
		case "logs":
			h = logs(h)
		default:
			panic("unknown layer " + layer)
		}
	}
	return h
}

func notWrapped(h http.Handler) http.Handler { return h }

func wrappedWith(tracer opentracing.Tracer) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler { return nethttp.WrapHandler(h, gaptrace.WithTracer(tracer)) }
}

func TestUnencryptedHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		layers string // see stack
		native bool   // http.Server itself speaks HTTP/2
		spans  int    // how many of the three requests have one; two come over HTTP/2
	}{
		"h2c outside":                     {layers: "h2c wrap", spans: 3},
		"h2c inside":                      {layers: "wrap h2c", spans: 3},
		"h2c inside, wrapped three times": {layers: "wrap wrap h2c wrap", spans: 3},
		"h2c inside a middleware":         {layers: "wrap logs h2c", spans: 1},
		"h2c inside a middleware, wrapped on both sides": {layers: "wrap logs h2c wrap", spans: 3},
		"http.Server": {layers: "wrap", native: true, spans: 3},
	} {
		t.Run(name, func(t *testing.T) {
			raw := sendThree(t, c.native, stack(c.layers, notWrapped, handle(nil)))
			if strings.Count(raw, "HTTP/2.0 200 OK") != 2 {
				t.Errorf("HTTP/2 was not used:\n%s", raw)
			}

			unsampled := spantest.Jaeger(t, false, nil)
			if got := sendThree(t, c.native, stack(c.layers, wrappedWith(unsampled), handle(unsampled))); got != raw {
				t.Errorf("not sampled: raw\n%s\nwrapped\n%s", raw, got)
			}

			tracer := spantest.NewTracer()
			if got := sendThree(t, c.native, stack(c.layers, wrappedWith(tracer), handle(tracer))); got != raw {
				t.Errorf("sampled: raw\n%s\nwrapped\n%s", raw, got)
			}
			for _, span := range tracer.Spans() {
				if strings.Contains(span.Operation, "OTHER") || span.Operation == "work" && span.ParentID == 0 {
					t.Error(tracer.Tree())
				}
			}
			requests, work := strings.Count("\n"+tracer.Tree(), "\nHTTP POST "), len(tracer.Named("work"))
			if requests != c.spans || work != c.spans || tracer.Problems() != nil {
				t.Errorf("%d spans of requests and %d of work, want %d:\n%s", requests, work, c.spans, tracer.Tree())
			}
		})
	}
}

// sendThree sends two requests over HTTP/2 and one over HTTP/1.1 to h, and returns the responses.
func sendThree(t *testing.T, nativeHTTP2 bool, h http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(nativeHTTP2)
	server.Start()
	defer server.Close()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	return post(t, client, server.URL+"/first") + post(t, client, server.URL+"/second") +
		post(t, http.DefaultClient, server.URL+"/third")
}

func post(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp := spantest.Must(client.Post(url, "text/plain", strings.NewReader("body")))(t)
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	return fmt.Sprintf("%s %s %q %v\n", resp.Proto, resp.Status, body, err)
}

// TestUpgradeToUnencryptedHTTP2 upgrades by a request over HTTP/1.1, and then sends another one.
func TestUpgradeToUnencryptedHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		layers string // see stack
		spans  string // path and status of each request that has one
	}{
		"h2c outside":             {"h2c wrap", "/upgraded 200, /second 200"},
		"h2c inside":              {"wrap h2c", "/upgraded 200, /second 200"},
		"h2c inside a middleware": {"wrap logs h2c", "/upgraded 101"},
		"refused":                 {"wrap", "/upgraded 200"},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			raw := upgrade(t, stack(c.layers, notWrapped, handle(nil)), func() {})
			wrapped := upgrade(t, stack(c.layers, wrappedWith(tracer), handle(tracer)), func() {
				if p := tracer.Problems(); p != nil {
					t.Errorf("while the connection is open: %v", p)
				}
			})
			if raw != wrapped {
				t.Errorf("raw\n%s\nwrapped\n%s", raw, wrapped)
			}
			var spans []string
			for _, span := range tracer.Spans() {
				if url, ok := span.Tags["http.url"].(string); ok {
					path := url[strings.LastIndexByte(url, '/'):]
					spans = append(spans, fmt.Sprint(path, " ", span.Tags["http.status_code"]))
				}
			}
			if got := strings.Join(spans, ", "); got != c.spans || tracer.Problems() != nil {
				t.Errorf("spans %q, want %q:\n%s", got, c.spans, tracer.Tree())
			}
		})
	}
}

// upgrade upgrades a connection to HTTP/2, sends a second request, and calls whileOpen. It returns
// the responses.
func upgrade(t *testing.T, h http.Handler, whileOpen func()) string {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	conn := spantest.Must(net.Dial("tcp", server.Listener.Addr().String()))(t)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	settings := base64.RawURLEncoding.EncodeToString(nil)
	fmt.Fprintf(conn, "GET /upgraded HTTP/1.1\r\nHost: x\r\n"+
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: %s\r\n\r\n", settings)
	from := bufio.NewReader(conn)
	resp := spantest.Must(http.ReadResponse(from, nil))(t)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(resp.Body)
		return fmt.Sprintf("%s %q %v", resp.Status, body, err)
	}
	io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, from)
	framer.WriteSettings()
	var responses strings.Builder
	readStream(t, framer, 1, &responses)
	framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 3, EndStream: true, EndHeaders: true,
		// :method GET, :scheme http, :path /second, :authority x, in HPACK with literal values
		BlockFragment: []byte("\x82\x86\x04\x07/second\x01\x01x"),
	})
	readStream(t, framer, 3, &responses)
	whileOpen()
	return responses.String()
}

// readStream writes the data frames to b, until the stream ends.
func readStream(t *testing.T, framer *http2.Framer, stream uint32, b *strings.Builder) {
	t.Helper()
	for {
		frame := spantest.Must(framer.ReadFrame())(t)
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				framer.WriteSettingsAck()
			}
		case *http2.DataFrame:
			fmt.Fprintf(b, "%d %s\n", f.StreamID, f.Data())
		}
		if f := frame.Header(); f.StreamID == stream && f.Flags.Has(http2.FlagDataEndStream) {
			return
		}
	}
}
