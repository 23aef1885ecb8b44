package nethttp_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
)

// endingsServer serves the paths of the endings.
func endingsServer(t testing.TB) http.Handler {
	mux := http.NewServeMux()
	answer := func(path string, h http.HandlerFunc) { mux.HandleFunc(path, h) }
	answer("/text", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "text") })
	answer("/empty", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "0") })
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified, http.StatusServiceUnavailable} {
		answer(fmt.Sprint("/", status), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	answer("/large", func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	answer("/gzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		io.WriteString(zip, "text")
		zip.Close()
	})
	answer("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	answer("/reset", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler) // HTTP/2: the stream is reset
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	})
	answer("/never", func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		untilOver(r)
	})
	answer("/headers", func(w http.ResponseWriter, r *http.Request) { // but never a body
		w.(http.Flusher).Flush()
		untilOver(r)
	})
	answer("/hops/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		if n > 0 {
			http.Redirect(w, r, fmt.Sprint("/hops/", n-1), http.StatusTemporaryRedirect)
			return
		}
		io.Copy(w, r.Body)
	})
	answer("/hints", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	})
	answer("/upgrade", func(w http.ResponseWriter, _ *http.Request) { echoLine(t, w) })
	answer("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	return mux
}
