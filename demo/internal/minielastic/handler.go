package minielastic

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Handler is a server with its indices. New makes one.
type Handler struct {
	mux *http.ServeMux

	mu      sync.RWMutex
	indices map[string]*index
}

// New returns a server without an index.
func New() *Handler {
	h := &Handler{mux: http.NewServeMux(), indices: map[string]*index{}}
	for pattern, serve := range map[string]endpoint{
		"PUT /{index}":          h.createIndex,
		"DELETE /{index}":       h.deleteIndex,
		"POST /{index}/_bulk":   h.bulk,
		"POST /{index}/_search": h.search,
		"/":                     notSupported,
	} {
		h.mux.Handle(pattern, serve)
	}
	return h
}

// ServeHTTP answers a request as Elasticsearch does.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The client refuses a server without this header.
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	h.mux.ServeHTTP(w, r)
}

// Close drops every index.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for name, ix := range h.indices {
		errs = append(errs, ix.engine.Close())
		delete(h.indices, name)
	}
	return errors.Join(errs...)
}

// endpoint answers a request with a body to encode as JSON, or with an error.
type endpoint func(*http.Request) (any, error)

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	body, err := e(r)
	if err != nil {
		f, ok := errors.AsType[*failure](err)
		if !ok {
			f = &failure{Type: "exception", Reason: err.Error(), Status: http.StatusInternalServerError}
		}
		status, body = f.status(), f
	}
	contentType := "application/json"
	if strings.Contains(r.Header.Get("Accept"), "application/vnd.elasticsearch+json") {
		contentType = "application/vnd.elasticsearch+json;compatible-with=8"
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error means that the client has gone
}

// failure is an error in Elasticsearch's format.
type failure struct {
	Type, Reason string
	Status       int // 0 means 400
}

// failf returns a failure of a type, with status 400.
func failf(kind, format string, args ...any) *failure {
	return &failure{Type: kind, Reason: fmt.Sprintf(format, args...)}
}

func (f *failure) Error() string { return f.Type + ": " + f.Reason }

func (f *failure) status() int { return cmp.Or(f.Status, http.StatusBadRequest) }

func (f *failure) MarshalJSON() ([]byte, error) {
	cause := map[string]any{"type": f.Type, "reason": f.Reason}
	return json.Marshal(map[string]any{
		"error":  map[string]any{"type": f.Type, "reason": f.Reason, "root_cause": []any{cause}},
		"status": f.status(),
	})
}

func notSupported(r *http.Request) (any, error) {
	return nil, failf("illegal_argument_exception",
		"no handler found for uri [%s] and method [%s]", r.URL.RequestURI(), r.Method)
}
