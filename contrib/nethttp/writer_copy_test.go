package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// readerFrom is a ResponseWriter with ReadFrom. It counts the sources that the kernel could copy,
// by the rule of package net.
type readerFrom struct {
	*httptest.ResponseRecorder
	byKernel int
}

func (r *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	inner := src
	if limited, ok := src.(*io.LimitedReader); ok {
		inner = limited.R
	}
	if _, ok := inner.(syscall.Conn); ok {
		r.byKernel++
	}
	return io.Copy(r.Body, src)
}

func TestCopyByTheKernel(t *testing.T) {
	file := tempFile(t, []byte("contents"))
	open := func() *os.File {
		f := spantest.Must(os.Open(file))(t)
		t.Cleanup(func() { f.Close() })
		return f
	}
	copyPipe := func(w http.ResponseWriter) (int64, error) {
		r, feed, err := os.Pipe()
		if err != nil {
			t.Error(err)
		}
		defer r.Close()
		io.WriteString(feed, "contents")
		feed.Close()
		return io.Copy(w, r)
	}
	copies := func(src func() io.Reader) func(http.ResponseWriter) (int64, error) {
		return func(w http.ResponseWriter) (int64, error) { return io.Copy(w, src()) }
	}
	for name, c := range map[string]struct {
		copy     func(w http.ResponseWriter) (int64, error)
		byKernel int
	}{
		"a file":           {copies(func() io.Reader { return open() }), 1},
		"part of a file":   {copies(func() io.Reader { return io.LimitReader(open(), 8) }), 1},
		"a connection":     {copies(func() io.Reader { return connTo(t, "contents") }), 1},
		"a pipe":           {copyPipe, 0},
		"a reader of ours": {copies(func() io.Reader { return opaque(open()) }), 0},
	} {
		t.Run(name, func(t *testing.T) {
			inner := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
			tracer := handle(inner, newGet(), func(w http.ResponseWriter, _ *http.Request) {
				if n, err := c.copy(w); n != 8 || err != nil {
					t.Error(n, err)
				}
			})
			if got := inner.Body.String(); got != "contents" || inner.byKernel != c.byKernel {
				t.Errorf("got %q, %d copies by the kernel, want %d", got, inner.byKernel, c.byKernel)
			}
			tags := tracer.Only(t, "HTTP GET").Tags
			if tags["response_size"] != int64(8) || tags["http.status_code"] != 200 {
				t.Error(tracer.Tree())
			}
		})
	}
}

func tempFile(t *testing.T, contents []byte) string {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// connTo returns a connection to a server that sends text.
func connTo(t *testing.T, text string) net.Conn {
	listener := spantest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { listener.Close() })
	go func() {
		if conn, err := listener.Accept(); err == nil {
			io.WriteString(conn, text)
			conn.Close()
		}
	}()
	conn := spantest.Must(net.Dial("tcp", listener.Addr().String()))(t)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestCopyOfServeFile(t *testing.T) {
	path := tempFile(t, []byte("contents"))
	inner := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
	handle(inner, newGet(), func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, path)
		io.Copy(w, strings.NewReader(", and more")) // not by the kernel
	})
	if got := inner.Body.String(); got != "contents, and more" || inner.byKernel != 1 {
		t.Errorf("got %q, %d copies by the kernel", got, inner.byKernel)
	}
}

// TestCopyArrivesAsItComes has a source that waits until the client has what the source returned
// before. net/http flushes it in time. If a wrapper copied by itself, both would wait forever.
func TestCopyArrivesAsItComes(t *testing.T) {
	for name, c := range map[string]struct {
		length string
		pieces []int
		first  int // what the client has before the last piece
	}{
		"known length": {length: "1200", pieces: []int{512, 88, 600}, first: 600},
		// In chunks, net/http flushes only the 512 bytes that tell the content's type.
		"in chunks": {pieces: []int{512, 688}, first: 512},
	} {
		for how, wrap := range map[string]func(http.Handler) http.Handler{
			"raw": unwrapped, "wrapped": wrappedBy(gaptrace.WithTracer(spantest.NewTracer())),
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				has := make(chan bool, 1)
				defer close(has)
				server, transport := start(t, "HTTP/1.1", wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					if c.length != "" {
						w.Header().Set("Content-Length", c.length)
					}
					if _, err := io.Copy(w, pieceByPiece(c.pieces, has)); err != nil {
						t.Error(err)
					}
				})))
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				resp := spantest.Must((&http.Client{Transport: transport}).Do(get(ctx, server.URL)))(t)
				defer resp.Body.Close()
				if _, err := io.ReadFull(resp.Body, make([]byte, c.first)); err != nil {
					t.Fatal(err)
				}
				has <- true
				if rest, err := io.ReadAll(resp.Body); len(rest) != 1200-c.first || err != nil {
					t.Error(len(rest), err)
				}
			})
		}
	}
}

// pieceByPiece reads as pieces of these sizes. The last one waits for last.
func pieceByPiece(sizes []int, last <-chan bool) io.Reader {
	i := 0
	return readerFunc(func(p []byte) (int, error) {
		if i == len(sizes) {
			return 0, io.EOF
		}
		if i == len(sizes)-1 {
			<-last
		}
		i++
		return copy(p, strings.Repeat("x", sizes[i-1])), nil
	})
}

// slowReaderFrom is a ResponseWriter with ReadFrom, which takes a millisecond for each write.
type slowReaderFrom struct{ *httptest.ResponseRecorder }

func (s slowReaderFrom) ReadFrom(src io.Reader) (n int64, err error) {
	for buf := make([]byte, 100); err == nil; {
		var read int
		if read, err = src.Read(buf); read > 0 {
			time.Sleep(time.Millisecond)
			n += int64(read)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

var errSource = errors.New("source")

func TestCopyCoversOnlyWrites(t *testing.T) {
	for _, end := range []error{io.EOF, errSource} {
		t.Run(fmt.Sprint(end), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left := 3
				source := readerFunc(func(p []byte) (int, error) {
					time.Sleep(10 * time.Millisecond) // the handler's own work
					if left--; left < 0 {
						return 0, end
					}
					return len(p), nil
				})
				tracer := handle(slowReaderFrom{httptest.NewRecorder()}, newGet(),
					func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, source) })
				server, first := tracer.Only(t, "HTTP GET"), tracer.Named("HTTP GET write")[0]
				if server.Duration() != 43*time.Millisecond {
					t.Errorf("took %v", server.Duration())
				}
				if first.Tags["wait.us"] != int64(3000) || first.Tags["bytes"] != int64(300) {
					t.Error(first.Tags)
				}
				if first.Tags["error"] != nil || server.Tags["client_gone"] != nil { // the source failed, not the client
					t.Error(tracer.Tree())
				}
			})
		})
	}
}

func TestCopyThatTheServerRefuses(t *testing.T) {
	tracer, resp, _ := serveOver(t, "HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1")
		io.Copy(w, opaque(strings.NewReader("two")))
		w.WriteHeader(http.StatusInternalServerError) // too late
	})
	tags := tracer.Only(t, "HTTP GET").Tags
	if tags["http.status_code"] != resp.StatusCode || tags["error"] != nil {
		t.Errorf("the client got %s\n%s", resp.Status, tracer.Tree())
	}
}

// huge is a ResponseWriter whose ReadFrom returns more than an int of 32 bits holds.
type huge struct{ *httptest.ResponseRecorder }

const hugeSize int64 = 5 << 30

func (huge) ReadFrom(io.Reader) (int64, error) { return hugeSize, nil }

func TestCopyOfManyBytes(t *testing.T) {
	for name, source := range map[string]io.Reader{"a reader": strings.NewReader(""), "a file": os.Stdin} {
		tracer := handle(huge{httptest.NewRecorder()}, newGet(), func(w http.ResponseWriter, _ *http.Request) {
			if n, err := w.(io.ReaderFrom).ReadFrom(source); n != hugeSize || err != nil {
				t.Error(n, err)
			}
		})
		if size := tracer.Only(t, "HTTP GET").Tags["response_size"]; size != hugeSize {
			t.Errorf("%s: response_size = %v", name, size)
		}
	}
}
