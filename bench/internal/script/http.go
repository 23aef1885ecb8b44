package script

import (
	"net/http"
	"strconv"
	"sync/atomic"
)

// HTTP answers a request with the script in its query parameter "body". The headers are sent with
// the first piece, so a first piece without bytes sends only headers. To Elasticsearch's client,
// HTTP looks like Elasticsearch.
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
	script, err := Parse(r.URL.Query().Get("body"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	length := 0
	for _, p := range script {
		length += p.Size
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	flusher := http.NewResponseController(w)
	text := h.Text
	err = script.play(func(size int) error {
		if h.Text != "" {
			n := min(size, len(text))
			_, _ = w.Write([]byte(text[:n])) // Flush has the error
			text, size = text[n:], size-n
		}
		if err := write(w, size); err != nil {
			return err
		}
		return flusher.Flush()
	})
	if err != nil {
		panic(http.ErrAbortHandler) // the client hung up
	}
}
