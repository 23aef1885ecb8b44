package script

import (
	"net/http"
	"strconv"
	"sync/atomic"
)

// HTTP answers a request with the script in its query parameter "body". The headers are sent with
// the first piece, so a first piece without bytes sends only headers. The parameter "end" is text
// to send after the last piece. To Elasticsearch's client, HTTP looks like Elasticsearch.
type HTTP struct {
	// Text is the body, sent in the sizes of the pieces. If it is empty, the body is spaces.
	Text string

	fails atomic.Int32
}

// Fail makes the next n requests fail with 502, immediately.
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
		panic(http.ErrAbortHandler) // the client hung up
	}
}
