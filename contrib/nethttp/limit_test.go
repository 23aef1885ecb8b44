package nethttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

// readAll answers 413 if the body is over its limit.
func readAll(w http.ResponseWriter, r *http.Request) {
	if _, err := io.ReadAll(r.Body); err != nil {
		http.Error(w, fmt.Sprintf("%T %v", err, err), http.StatusRequestEntityTooLarge)
		return
	}
	io.WriteString(w, "all of it")
}

// limited are handlers that read through an http.MaxBytesReader of 100 bytes, set up in the ways
// that programs do.
var limited = map[string]func(wrap func(http.Handler) http.Handler) http.Handler{
	"in the request": inside(withLimit),
	"in the request, after a few bytes": inside(func(w http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 4))
		withLimit(w, r)
	}),
	"in the request, twice": inside(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1000)
		r.Body = http.MaxBytesReader(w, r.Body, 100)
		readAll(w, r)
	}),
	"in the request, the inner one of others": inside(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(nil, r.Body, 1000)
		r.Body = http.MaxBytesReader(w, r.Body, 100)
		readAll(w, r)
	}),
	"in the request, 400": inside(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 100)
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}),
	"in the request, then 200": inside(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 100)
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}),
	"in the request, after the header": inside(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		r.Body = http.MaxBytesReader(w, r.Body, 100)
		w.WriteHeader(http.StatusAccepted)
		w.(http.Flusher).Flush()
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}),
	"in the request, by a form": inside(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = http.MaxBytesReader(w, r.Body, 100)
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	}),
	"in a copy": inside(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), overKey{}, nil))
		r.Body = http.MaxBytesReader(w, r.Body, 100)
		readAll(w, r)
	}),
	"by MaxBytesHandler": inside(http.MaxBytesHandler(http.HandlerFunc(readAll), 100).ServeHTTP),
	"by two of them":     inside(http.MaxBytesHandler(http.MaxBytesHandler(http.HandlerFunc(readAll), 100), 1000).ServeHTTP),
	"by MaxBytesHandler, outside": func(wrap func(http.Handler) http.Handler) http.Handler {
		return http.MaxBytesHandler(wrap(http.HandlerFunc(readAll)), 100)
	},
	"for another writer, outside": func(wrap func(http.Handler) http.Handler) http.Handler {
		h := wrap(http.MaxBytesHandler(http.HandlerFunc(readAll), 100))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&onlyOnce{ResponseWriter: w}, r) })
	},
	"for another writer, in the request": inside(func(w http.ResponseWriter, r *http.Request) {
		w = &onlyOnce{ResponseWriter: w}
		r.Body = http.MaxBytesReader(w, r.Body, 100)
		readAll(w, r)
	}),
	"for another writer, in a copy": inside(func(w http.ResponseWriter, r *http.Request) {
		http.MaxBytesHandler(http.HandlerFunc(readAll), 100).ServeHTTP(&onlyOnce{ResponseWriter: w}, r)
	}),
	"for no writer": inside(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(nil, r.Body, 100)
		readAll(w, r)
	}),
	"that is not met, refused": inside(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		io.ReadFull(r.Body, make([]byte, 10))
		http.Error(w, "refused", http.StatusBadRequest)
	}),
	"that is not met, in a copy": inside(func(w http.ResponseWriter, r *http.Request) {
		http.MaxBytesHandler(http.HandlerFunc(readAll), 1<<20).ServeHTTP(w, r)
	}),
	"that is not met, in a copy, answered": inside(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(r.Context())
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		io.ReadFull(r.Body, make([]byte, 10))
		io.WriteString(w, "enough")
	}),
	"that is not met, in a copy, refused": inside(func(w http.ResponseWriter, r *http.Request) {
		http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.ReadFull(r.Body, make([]byte, 512)) // as json.Decoder reads
			http.Error(w, "refused", http.StatusBadRequest)
		}), 1<<20).ServeHTTP(w, r)
	}),
	"in the request, wrapped twice":     twice(inside(withLimit)),
	"by MaxBytesHandler, wrapped twice": twice(inside(http.MaxBytesHandler(http.HandlerFunc(readAll), 100).ServeHTTP)),
	"between two wrapped handlers": func(wrap func(http.Handler) http.Handler) http.Handler {
		return wrap(http.MaxBytesHandler(wrap(http.HandlerFunc(readAll)), 100))
	},
	"of the handler's own": inside(func(w http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 100))
		http.Error(w, "refused", http.StatusRequestEntityTooLarge)
	}),
}

func inside(h http.HandlerFunc) func(func(http.Handler) http.Handler) http.Handler {
	return func(wrap func(http.Handler) http.Handler) http.Handler { return wrap(h) }
}

func withLimit(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 100)
	readAll(w, r)
}

// twice wraps the wrapped handler again, with a handler in between.
func twice(build func(wrap func(http.Handler) http.Handler) http.Handler) func(func(http.Handler) http.Handler) http.Handler {
	return func(wrap func(http.Handler) http.Handler) http.Handler {
		return wrap(http.HandlerFunc(build(wrap).ServeHTTP))
	}
}

// answeredAtOnce are those handlers of limited whose response net/http sends before the client has
// sent the whole body.
var answeredAtOnce = map[string]bool{
	"in the request": true, "in the request, after a few bytes": true, "in the request, twice": true, "in the request, 400": true, "in the request, then 200": true,
	"in the request, by a form": true, "in the request, the inner one of others": true, "in a copy": true,
	"by MaxBytesHandler": true, "by two of them": true, "by MaxBytesHandler, outside": true,
	"in the request, wrapped twice": true, "by MaxBytesHandler, wrapped twice": true, "between two wrapped handlers": true,
}

func TestMaxBytesReaderAnswersAsRaw(t *testing.T) {
	for name, build := range limited {
		for how, send := range map[string]func(w io.Writer, n int, all bool){"announced": announced, "in chunks": chunked} {
			for _, all := range []bool{true, false} {
				if !all && !answeredAtOnce[name] {
					continue // the handler would wait for the rest, raw and wrapped
				}
				t.Run(fmt.Sprintf("%s/%s/all %v", name, how, all), func(t *testing.T) {
					t.Parallel()
					raw := sendTooMuch(t, build(func(h http.Handler) http.Handler { return h }), send, all)
					for sampling, tracer := range tracers(t) {
						wrapped := sendTooMuch(t, build(func(h http.Handler) http.Handler {
							return nethttp.WrapHandler(h, gaptrace.WithTracer(tracer))
						}), send, all)
						if raw != wrapped {
							t.Errorf("%s\nraw     %s\nwrapped %s", sampling, raw, wrapped)
						}
					}
					if answeredAtOnce[name] != strings.Contains(raw, "close true") && name != "in the request, after the header" {
						t.Errorf("net/http's own answer is %s", raw)
					}
				})
			}
		}
	}
}

// announced sends a request that announces n bytes, and at most its first thousand.
func announced(w io.Writer, n int, all bool) {
	fmt.Fprintf(w, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", n)
	if !all {
		n = 1000
	}
	io.WriteString(w, strings.Repeat("x", n))
}

func chunked(w io.Writer, n int, all bool) {
	io.WriteString(w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	for ; n > 0; n -= 1000 {
		fmt.Fprintf(w, "3e8\r\n%s\r\n", strings.Repeat("x", 1000))
		if !all {
			return
		}
	}
	io.WriteString(w, "0\r\n\r\n")
}

// sendTooMuch sends a body of 100 kB and, if all of it is sent, another request over the same
// connection.
func sendTooMuch(t *testing.T, h http.Handler, send func(io.Writer, int, bool), all bool) string {
	server, _ := start(t, "HTTP/1.1", h)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute)) // for a server that waits, too
	go func() {
		send(conn, 100_000, all)
		if all {
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		}
	}()
	var seen strings.Builder
	from := bufio.NewReader(conn)
	for range 2 {
		resp, err := http.ReadResponse(from, nil)
		if err != nil {
			fmt.Fprintf(&seen, "; no response, timeout %v", errors.Is(err, context.DeadlineExceeded) || isTimeout(err))
			break
		}
		body, err := io.ReadAll(resp.Body)
		fmt.Fprintf(&seen, "; %s close %v %q %v", resp.Status, resp.Close, body, isTimeout(err))
		if resp.Close {
			break
		}
	}
	return seen.String()
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func TestMaxBytesReaderAnswersAsRawOverHTTP2(t *testing.T) {
	for name, build := range limited {
		if name == "in the request, after the header" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			visit := func(h http.Handler) string {
				server, transport := start(t, "HTTP/2", h)
				body, feed := io.Pipe()
				go func() {
					io.WriteString(feed, strings.Repeat("x", 1000))
					if !answeredAtOnce[name] {
						feed.Close()
					}
				}()
				defer feed.Close()
				resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Post(server.URL, "text/plain", body)
				if err != nil {
					return err.Error()
				}
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				return fmt.Sprintf("%s %v %q %v", resp.Status, resp.Header["Connection"], text, err)
			}
			raw := visit(build(func(h http.Handler) http.Handler { return h }))
			for sampling, tracer := range tracers(t) {
				if got := visit(build(func(h http.Handler) http.Handler { return nethttp.WrapHandler(h, gaptrace.WithTracer(tracer)) })); got != raw {
					t.Errorf("%s: raw %s, wrapped %s", sampling, raw, got)
				}
			}
		})
	}
}
