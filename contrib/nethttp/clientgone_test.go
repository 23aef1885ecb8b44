package nethttp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// goneTest has a handler and a client that meet: the client acts when the handler is at serving.
type goneTest struct {
	*testing.T
	server  *server
	client  *http.Client
	serving chan bool
}

const (
	aGet     = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	aHead    = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
	halfPost = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
	aChunk   = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
)

func TestClientGone(t *testing.T) {
	type handler = func(g *goneTest, w http.ResponseWriter, r *http.Request)
	for name, c := range map[string]struct {
		handler  handler
		visit    func(g *goneTest)
		protocol string // HTTP/1.1 if empty
		want     any
	}{
		"while the handler works":         {handler: waitForEnd, visit: hangUp(aGet), want: true},
		"while the handler works, HTTP/2": {handler: waitForEnd, visit: cancelGet, protocol: "HTTP/2", want: true},
		"in the body":                     {handler: readBody, visit: hangUp(halfPost), want: true},
		"in the body, chunked":            {handler: readBody, visit: hangUp(aChunk), want: true},
		"while the handler writes":        {handler: writeForever, visit: hangUp(aGet), want: true},
		"while a file is sent":            {handler: sendEndlessFile, visit: hangUp(aGet), want: true},
		"by a deadline":                   {handler: readAfterDeadline, visit: stopSending, want: true},

		"has the whole response":         {handler: respondThenWait, visit: hangUp(aGet)},
		"has the whole response of HEAD": {handler: respondThenWait, visit: hangUp(aHead)},
		"has the whole response of 204":  {handler: noContentThenWait, visit: hangUp(aGet)},

		"stays":                       {handler: readAndReturn, visit: stay},
		"stays, the body is too long": {handler: readTooMuch, visit: stay},
		"stays, the handler gives up": {handler: giveUp, visit: stay},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			g := &goneTest{T: t, serving: make(chan bool)}
			protocol := c.protocol
			if protocol == "" {
				protocol = "HTTP/1.1"
			}
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.handler(g, w, r) })
			var transport *http.Transport
			g.server, transport = start(t, protocol, nethttp.WrapHandler(h, gaptrace.WithTracer(tracer)))
			g.client = &http.Client{Transport: transport}
			c.visit(g)
			transport.CloseIdleConnections()
			g.server.finish()
			span := tracer.Spans()[0]
			if span.Tags["client_gone"] != c.want || span.Tags["error"] != nil || tracer.Problems() != nil {
				t.Errorf("want client_gone %v; got\n%s", c.want, tracer.Tree())
			}
		})
	}
}

// hangUp sends a request over a new connection, and closes it when the handler is at serving.
func hangUp(request string) func(g *goneTest) {
	return func(g *goneTest) {
		conn := spantest.Must(net.Dial("tcp", g.server.Listener.Addr().String()))(g)
		io.WriteString(conn, request)
		<-g.serving
		conn.Close()
	}
}

// stopSending sends half a request, and then only reads.
func stopSending(g *goneTest) {
	conn := spantest.Must(net.Dial("tcp", g.server.Listener.Addr().String()))(g)
	defer conn.Close()
	io.WriteString(conn, halfPost)
	<-g.serving
	io.Copy(io.Discard, conn)
}

func cancelGet(g *goneTest) {
	ctx, cancel := context.WithCancel(g.Context())
	go func() {
		<-g.serving
		cancel()
	}()
	if err := readAndClose(g.client.Do(get(ctx, g.server.URL))); err == nil {
		g.Error("no error")
	}
}

func stay(g *goneTest) {
	go func() { <-g.serving }()
	if err := readAndClose(g.client.Post(g.server.URL, "text/plain", strings.NewReader("body"))); err != nil {
		g.Error(err)
	}
}

func waitForEnd(g *goneTest, _ http.ResponseWriter, r *http.Request) {
	g.serving <- true
	<-r.Context().Done()
}

func readBody(g *goneTest, _ http.ResponseWriter, r *http.Request) {
	g.serving <- true
	if _, err := io.Copy(io.Discard, r.Body); err == nil {
		g.Error("no error")
	}
}

func writeForever(g *goneTest, w http.ResponseWriter, _ *http.Request) {
	g.serving <- true
	for err := error(nil); err == nil; _, err = w.Write(make([]byte, 64<<10)) {
	}
}

func sendEndlessFile(g *goneTest, w http.ResponseWriter, _ *http.Request) {
	f, err := os.Open("/dev/zero")
	if err != nil {
		g.Skip("no endless file here:", err)
	}
	defer f.Close()
	w.Header().Set("Content-Length", "1000000000000") // so that the kernel sends it, unseen by net/http
	g.serving <- true
	io.CopyN(w, f, 1_000_000_000_000)
}

func readAfterDeadline(g *goneTest, w http.ResponseWriter, r *http.Request) {
	g.serving <- true
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
		g.Error(err)
	}
}

func respondThenWait(g *goneTest, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "4")
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
	} else {
		io.WriteString(w, "body")
	}
	w.(http.Flusher).Flush()
	waitForEnd(g, w, r)
}

func noContentThenWait(g *goneTest, w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusNoContent)
	w.(http.Flusher).Flush()
	waitForEnd(g, w, r)
}

func readAndReturn(g *goneTest, _ http.ResponseWriter, r *http.Request) {
	g.serving <- true
	io.Copy(io.Discard, r.Body)
}

func readTooMuch(g *goneTest, w http.ResponseWriter, r *http.Request) {
	g.serving <- true
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1)); err == nil {
		g.Error("no error")
	}
}

func giveUp(g *goneTest, _ http.ResponseWriter, r *http.Request) {
	g.serving <- true
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	<-ctx.Done()
}

func TestClientGoneIsNotALostSource(t *testing.T) {
	backend := spantest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer backend.Close()
	go func() {
		if conn, err := backend.Accept(); err == nil {
			io.WriteString(conn, strings.Repeat("x", 1000))
			time.Sleep(10 * time.Millisecond)
			conn.(*net.TCPConn).SetLinger(0) // reset
			conn.Close()
		}
	}()
	tracer := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, err := net.Dial("tcp", backend.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		w.Header().Set("Content-Length", "5000")
		if _, err := io.Copy(w, conn); err == nil {
			t.Error("no error")
		}
	}, fetch)
	if span := tracer.Only(t, "HTTP GET"); span.Tags["client_gone"] != nil {
		t.Error(tracer.Tree())
	}
}

func TestClientGoneIsNotTheHandlersFault(t *testing.T) {
	noBodyAllowed := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		io.WriteString(w, "x")
	}
	tooMuch := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1")
		io.WriteString(w, "xy")
	}
	hijacked := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		defer conn.Close()
		io.WriteString(w, "x")
		io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	}
	for name, handler := range map[string]http.HandlerFunc{
		"no body allowed": noBodyAllowed, "too much": tooMuch, "hijacked": hijacked,
	} {
		t.Run(name, func(t *testing.T) {
			tracer, _, _ := serveOver(t, "HTTP/1.1", handler)
			if tags := tracer.Only(t, "HTTP GET").Tags; tags["client_gone"] != nil {
				t.Error(tracer.Tree())
			}
		})
	}
}
