package nethttp_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// serverWriter is a recorder with all methods of net/http's writer over HTTP/1.1.
type serverWriter struct{ *httptest.ResponseRecorder }

func (serverWriter) FlushError() error { return nil }
func (serverWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.ErrUnsupported
}
func (serverWriter) CloseNotify() <-chan bool         { return nil }
func (serverWriter) SetReadDeadline(time.Time) error  { return nil }
func (serverWriter) SetWriteDeadline(time.Time) error { return nil }
func (serverWriter) EnableFullDuplex() error          { return nil }

func (s serverWriter) ReadFrom(src io.Reader) (int64, error) { return io.Copy(s.Body, src) }

func TestWriterSizes(t *testing.T) {
	const size = 100 << 10
	file := tempFile(t, make([]byte, size))
	writeTwice := func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("body"))
		io.WriteString(w, "text")
	}
	copyReader := func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, opaque(strings.NewReader(strings.Repeat("x", size))))
	}
	copyFile := func(w http.ResponseWriter, _ *http.Request) {
		f, _ := os.Open(file)
		defer f.Close()
		io.Copy(w, f)
	}
	notAllowed := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		io.WriteString(w, "text")
	}
	echo := func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }
	serveFile := func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }
	for name, c := range map[string]struct {
		handler  http.HandlerFunc
		body     string
		in, sent any // nil: no tag
	}{
		"nothing":               {handler: func(http.ResponseWriter, *http.Request) {}},
		"not read":              {handler: func(http.ResponseWriter, *http.Request) {}, body: "body"},
		"echo":                  {echo, "body", int64(4), int64(4)},
		"Write and WriteString": {handler: writeTwice, sent: int64(8)},
		"a reader":              {handler: copyReader, sent: int64(size)},
		"http.ServeFile":        {handler: serveFile, sent: int64(size)},
		"a file in chunks":      {handler: copyFile, sent: int64(size)},
		"no body allowed":       {handler: notAllowed},
	} {
		for protocol := range protocols {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				tracer := spantest.NewTracer()
				server, transport := start(t, protocol, nethttp.WrapHandler(c.handler, gaptrace.WithTracer(tracer)))
				req := spantest.Must(http.NewRequest("POST", server.URL, strings.NewReader(c.body)))(t)
				if err := readAndClose((&http.Client{Transport: transport}).Do(req)); err != nil {
					t.Fatal(err)
				}
				transport.CloseIdleConnections()
				server.finish()
				tags := tracer.Only(t, "HTTP POST").Tags
				if tags["request_size"] != c.in || tags["response_size"] != c.sent || tags["client_gone"] != nil ||
					tracer.Problems() != nil {
					t.Errorf("want %v in, %v out; got\n%s", c.in, c.sent, tracer.Tree())
				}
			})
		}
	}
}

// goneWriter needs a millisecond to notice that the client is gone.
type goneWriter struct{ serverWriter }

var errGone = errors.New("gone")

func (goneWriter) Write([]byte) (int, error) {
	time.Sleep(time.Millisecond)
	return 0, errGone
}

func (goneWriter) WriteString(string) (int, error) { return goneWriter{}.Write(nil) }
func (goneWriter) WriteHeader(int)                 { time.Sleep(time.Millisecond) }

func (goneWriter) FlushError() error {
	_, err := goneWriter{}.Write(nil)
	return err
}

func (goneWriter) ReadFrom(io.Reader) (int64, error) {
	_, err := goneWriter{}.Write(nil)
	return 0, err
}

func TestWriterWaits(t *testing.T) {
	write := func(w http.ResponseWriter) (err error) { _, err = w.Write(nil); return err }
	writeString := func(w http.ResponseWriter) (err error) { _, err = io.WriteString(w, ""); return err }
	flush := func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }
	readFrom := func(w http.ResponseWriter) (err error) { _, err = w.(io.ReaderFrom).ReadFrom(os.Stdin); return err }
	writeHeader := func(w http.ResponseWriter) error { w.WriteHeader(500); return nil }
	for name, c := range map[string]struct {
		write func(w http.ResponseWriter) error
		want  error
	}{
		"Write":       {write, errGone},
		"WriteString": {writeString, errGone},
		"Flush":       {flush, errGone},
		"ReadFrom":    {readFrom, errGone},
		"WriteHeader": {writeHeader, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := goneWriter{serverWriter{httptest.NewRecorder()}}
				tracer := handle(w, newGet(), func(w http.ResponseWriter, _ *http.Request) {
					if err := c.write(w); err != c.want {
						t.Error(err)
					}
				})
				gone := tracer.Only(t, "HTTP GET").Tags["client_gone"] == true
				wait := tracer.Only(t, "HTTP GET write")
				failed := wait.Tags["error"] == true
				if gone != (c.want != nil) || failed != (c.want != nil) || wait.Duration() != time.Millisecond {
					t.Errorf("gone %v, failed %v\n%s", gone, failed, tracer.Tree())
				}
			})
		})
	}
}

// oddWriter returns errors of its own.
type oddWriter struct{ serverWriter }

var errFlush, errPush = errors.New("flush"), errors.New("push")

func (oddWriter) FlushError() error                            { return errFlush }
func (oddWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

type pusher struct {
	http.ResponseWriter
	pushed string
}

func (p *pusher) Push(target string, _ *http.PushOptions) error {
	p.pushed = target
	return errPush
}

func TestWriterPassesErrorsOn(t *testing.T) {
	handle(oddWriter{serverWriter{httptest.NewRecorder()}}, newGet(), func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != errFlush {
			t.Errorf("Flush: %v", err)
		}
	})
	p := &pusher{ResponseWriter: httptest.NewRecorder()}
	handle(p, newGet(), func(w http.ResponseWriter, _ *http.Request) {
		if err := w.(http.Pusher).Push("/x", nil); err != errPush || p.pushed != "/x" {
			t.Errorf("Push: %v, %q", err, p.pushed)
		}
	})
}

func TestWriterController(t *testing.T) {
	serve(t, func(w http.ResponseWriter, _ *http.Request) {
		c, later := http.NewResponseController(w), time.Now().Add(time.Hour)
		err := errors.Join(c.SetReadDeadline(later), c.SetWriteDeadline(later), c.Flush(), c.EnableFullDuplex())
		if err != nil {
			t.Error(err)
		}
	}, fetch)
}

type unwrapper struct{ http.ResponseWriter }

func (u unwrapper) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// TestWriterFlushedThroughUnwrap has a middleware outside whose writer adds only Unwrap.
func TestWriterFlushedThroughUnwrap(t *testing.T) {
	tracer := spantest.NewTracer()
	wrapped := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Flusher); ok {
			t.Error("a Flusher")
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusInternalServerError) // too late
	}), gaptrace.WithTracer(tracer))
	server, transport := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrapped.ServeHTTP(unwrapper{w}, r)
	}))
	if err := readAndClose((&http.Client{Transport: transport}).Get(server.URL)); err != nil {
		t.Error(err)
	}
	server.finish()
	if tags := tracer.Only(t, "HTTP GET").Tags; tags["http.status_code"] != 200 || tags["error"] != nil {
		t.Error(tracer.Tree())
	}
}

func TestWriterHijackedStatus(t *testing.T) {
	for status, want := range map[int]any{0: nil, http.StatusSwitchingProtocols: http.StatusSwitchingProtocols} {
		w := oddWriter{serverWriter{httptest.NewRecorder()}}
		tracer := handle(w, newGet(), func(w http.ResponseWriter, _ *http.Request) {
			if status != 0 {
				w.WriteHeader(status)
			}
			w.(http.Hijacker).Hijack()
		})
		if got := tracer.Spans()[0].Tags["http.status_code"]; got != want {
			t.Errorf("sent %d, recorded %v", status, got)
		}
	}
}

func TestWriterHijackedConnectionIsNotCounted(t *testing.T) {
	var done time.Time
	tracer, _, err := serveOver(t, "HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(buf, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
		buf.Flush()
		if n, err := w.Write([]byte("more")); n != 0 || err != http.ErrHijacked {
			t.Errorf("Write: %d, %v", n, err)
		}
		w.WriteHeader(http.StatusInternalServerError) // is not sent
		slow()
		done = time.Now()
	})
	if err != nil {
		t.Error(err)
	}
	span := tracer.Spans()[0]
	if span.End.Before(done) {
		t.Errorf("done at %v, the span ends at %v", done, span.End)
	}
	if span.Tags["response_size"] != nil || span.Tags["http.status_code"] != nil || span.Tags["error"] != nil ||
		tracer.Problems() != nil {
		t.Error(tracer.Tree())
	}
}
