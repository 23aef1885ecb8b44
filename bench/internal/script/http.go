package script

import (
	"net/http"
	"strconv"
	"sync/atomic"
)

// HTTP answers a request with the script in its query ("body"): what is due before the headers and the first piece is that
// piece's time, so a first piece of no bytes is headers alone. What ends the body ("end") is sent with the last piece.
// It looks like Elasticsearch to Elasticsearch's client.
type HTTP struct {
	// Text, where it is set, is the body, which the pieces cut.
	Text string

	fails atomic.Int32
}

// Fail answers the next n requests with 502, at once.
func (h *HTTP) Fail(n int) { h.fails.Store(int32(n)) }

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if h.fails.Add(-1) >= 0 {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	query := r.URL.Query()
	script, err := Parse(query.Get("body"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	length := len(query.Get("end"))
	for _, p := range script {
		length += p.Size
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	flusher := http.NewResponseController(w)
	text, left := h.Text, len(script)
	err = script.play(func(size int) error {
		if left--; h.Text != "" {
			n := min(size, len(text))
			_, _ = w.Write([]byte(text[:n])) // Flush has the error
			text, size = text[n:], size-n
		}
		if err := write(w, size); err != nil {
			return err
		}
		if left == 0 {
			_, _ = w.Write([]byte(query.Get("end")))
		}
		return flusher.Flush()
	})
	if err != nil {
		panic(http.ErrAbortHandler) // a client that hung up; it has what it needs to know
	}
}
