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
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// limitTest is a handler that reads through an http.MaxBytesReader, as programs set one.
type limitTest struct {
	build func(wrap func(http.Handler) http.Handler) http.Handler
	early bool // net/http responds before the client has sent the whole body
}

var limitTests = map[string]limitTest{
	// In the request that the handler was given.
	"Body":                 {inside(limitInRequest(100)), true},
	"Body, after 4 bytes":  {inside(afterFourBytes), true},
	"Body, twice":          {inside(limitInRequest(1000, 100)), true},
	"Body, around another": {inside(limitInsideOfNil), true},
	"Body, 400":            {inside(limitThen400), true},
	"Body, 200":            {inside(limitThen200), true},
	"Body, after a flush":  {inside(limitAfterFlush), false},
	"Body, ParseForm":      {inside(limitOfAForm), true},

	// In a copy of the request.
	"copy":                     {inside(limitInCopy), true},
	"MaxBytesHandler":          {inside(maxBytes(100)), true},
	"MaxBytesHandler, twice":   {inside(http.MaxBytesHandler(maxBytes(100), 1000).ServeHTTP), true},
	"MaxBytesHandler, outside": {maxBytesOutside, true},

	// With a writer that is not the handler's.
	"other writer, outside": {otherWriterOutside, false},
	"other writer, in Body": {inside(withOtherWriter(limitInRequest(100))), false},
	"other writer, in copy": {inside(withOtherWriter(maxBytes(100))), false},
	"no writer":             {inside(limitWithoutWriter), false},

	// Not exceeded.
	"not exceeded, refused":           {inside(refuseAfter10), false},
	"not exceeded, in copy":           {inside(maxBytes(1 << 20)), false},
	"not exceeded, in copy, answered": {inside(answerAfter10), false},
	"not exceeded, in copy, refused":  {inside(refuseAfter512), false},
	"a limit of the handler's own":    {inside(ownLimit), false},

	"wrapped twice":                  {twice(inside(limitInRequest(100))), true},
	"wrapped twice, MaxBytesHandler": {twice(inside(maxBytes(100))), true},
	"MaxBytesHandler between two":    {maxBytesBetween, true},
}

func inside(h http.HandlerFunc) func(func(http.Handler) http.Handler) http.Handler {
	return func(wrap func(http.Handler) http.Handler) http.Handler { return wrap(h) }
}

// twice wraps the wrapped handler again, with a handler in between.
func twice(
	build func(wrap func(http.Handler) http.Handler) http.Handler,
) func(func(http.Handler) http.Handler) http.Handler {
	return func(wrap func(http.Handler) http.Handler) http.Handler {
		return wrap(http.HandlerFunc(build(wrap).ServeHTTP))
	}
}

// readAllOr413 answers 413 if the body exceeds its limit.
func readAllOr413(w http.ResponseWriter, r *http.Request) {
	if _, err := io.ReadAll(r.Body); err != nil {
		http.Error(w, fmt.Sprintf("%T %v", err, err), http.StatusRequestEntityTooLarge)
		return
	}
	io.WriteString(w, "all of it")
}

func limitInRequest(limits ...int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, limit := range limits {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		readAllOr413(w, r)
	}
}

func afterFourBytes(w http.ResponseWriter, r *http.Request) {
	io.ReadFull(r.Body, make([]byte, 4))
	limitInRequest(100)(w, r)
}

func limitInsideOfNil(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(nil, r.Body, 1000)
	limitInRequest(100)(w, r)
}

func limitThen400(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 100)
	if _, err := io.ReadAll(r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func limitThen200(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 100)
	n, err := io.Copy(io.Discard, r.Body)
	fmt.Fprint(w, n, err)
}

func limitAfterFlush(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).EnableFullDuplex()
	r.Body = http.MaxBytesReader(w, r.Body, 100)
	w.WriteHeader(http.StatusAccepted)
	w.(http.Flusher).Flush()
	n, err := io.Copy(io.Discard, r.Body)
	fmt.Fprint(w, n, err)
}

func limitOfAForm(w http.ResponseWriter, r *http.Request) {
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Body = http.MaxBytesReader(w, r.Body, 100)
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	}
}

func limitInCopy(w http.ResponseWriter, r *http.Request) {
	limitInRequest(100)(w, r.WithContext(context.WithValue(r.Context(), overKey{}, nil)))
}

func maxBytes(limit int64) http.HandlerFunc {
	return http.MaxBytesHandler(http.HandlerFunc(readAllOr413), limit).ServeHTTP
}

func maxBytesOutside(wrap func(http.Handler) http.Handler) http.Handler {
	return http.MaxBytesHandler(wrap(http.HandlerFunc(readAllOr413)), 100)
}

func maxBytesBetween(wrap func(http.Handler) http.Handler) http.Handler {
	return wrap(http.MaxBytesHandler(wrap(http.HandlerFunc(readAllOr413)), 100))
}

func withOtherWriter(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h(&onlyOnce{ResponseWriter: w}, r) }
}

func otherWriterOutside(wrap func(http.Handler) http.Handler) http.Handler {
	return withOtherWriter(wrap(maxBytes(100)).ServeHTTP)
}

func limitWithoutWriter(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(nil, r.Body, 100)
	readAllOr413(w, r)
}

func refuseAfter10(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	io.ReadFull(r.Body, make([]byte, 10))
	http.Error(w, "refused", http.StatusBadRequest)
}

func answerAfter10(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(r.Context())
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	io.ReadFull(r.Body, make([]byte, 10))
	io.WriteString(w, "enough")
}

func refuseAfter512(w http.ResponseWriter, r *http.Request) {
	http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 512)) // as json.Decoder reads
		http.Error(w, "refused", http.StatusBadRequest)
	}), 1<<20).ServeHTTP(w, r)
}

func ownLimit(w http.ResponseWriter, r *http.Request) {
	io.ReadFull(r.Body, make([]byte, 100))
	http.Error(w, "refused", http.StatusRequestEntityTooLarge)
}

func TestBodyLimit(t *testing.T) {
	sends := map[string]func(w io.Writer, n int, all bool){"known length": sendLength, "chunks": sendChunks}
	for name, c := range limitTests {
		for how, send := range sends {
			for _, all := range []bool{true, false} {
				if !all && !c.early {
					continue // the handler would wait for the rest, raw and wrapped
				}
				t.Run(fmt.Sprintf("%s/%s/all %v", name, how, all), func(t *testing.T) {
					t.Parallel()
					raw := sendTooMuch(t, c.build(unwrapped), send, all)
					for sampling, tracer := range tracers(t) {
						wrapped := sendTooMuch(t, c.build(wrappedBy(gaptrace.WithTracer(tracer))), send, all)
						if raw != wrapped {
							t.Errorf("%s\nraw     %s\nwrapped %s", sampling, raw, wrapped)
						}
					}
					if c.early != strings.Contains(raw, "close true") && name != "Body, after a flush" {
						t.Errorf("net/http's own answer is %s", raw)
					}
				})
			}
		}
	}
}

// sendLength sends a request with a Content-Length of n. Without all, it sends 1,000 bytes.
func sendLength(w io.Writer, n int, all bool) {
	fmt.Fprintf(w, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", n)
	if !all {
		n = 1000
	}
	io.WriteString(w, strings.Repeat("x", n))
}

// sendChunks sends a request in chunks. Without all, it sends one of them.
func sendChunks(w io.Writer, n int, all bool) {
	io.WriteString(w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	for ; n > 0; n -= 1000 {
		fmt.Fprintf(w, "3e8\r\n%s\r\n", strings.Repeat("x", 1000))
		if !all {
			return
		}
	}
	io.WriteString(w, "0\r\n\r\n")
}

// sendTooMuch sends a body of 100 kB. If all of it is sent, a second request follows over the same
// connection. The result describes the responses.
func sendTooMuch(t *testing.T, h http.Handler, send func(io.Writer, int, bool), all bool) string {
	server, _ := start(t, "HTTP/1.1", h)
	conn := spantest.Must(net.Dial("tcp", server.Listener.Addr().String()))(t)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute)) // if the server waits
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

func TestBodyLimitOverHTTP2(t *testing.T) {
	for name, c := range limitTests {
		if name == "Body, after a flush" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			visit := func(h http.Handler) string {
				server, transport := start(t, "HTTP/2", h)
				body, feed := io.Pipe()
				go func() {
					io.WriteString(feed, strings.Repeat("x", 1000))
					if !c.early {
						feed.Close()
					}
				}()
				defer feed.Close()
				client := &http.Client{Transport: transport, Timeout: time.Minute}
				resp, err := client.Post(server.URL, "text/plain", body)
				if err != nil {
					return err.Error()
				}
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				return fmt.Sprintf("%s %v %q %v", resp.Status, resp.Header["Connection"], text, err)
			}
			raw := visit(c.build(unwrapped))
			for sampling, tracer := range tracers(t) {
				if got := visit(c.build(wrappedBy(gaptrace.WithTracer(tracer)))); got != raw {
					t.Errorf("%s: raw %s, wrapped %s", sampling, raw, got)
				}
			}
		})
	}
}
