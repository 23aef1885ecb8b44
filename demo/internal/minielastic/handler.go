package minielastic

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
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
		"GET /{$}":              info,
		"GET /_cluster/health":  h.health,
		"PUT /{index}":          h.createIndex,
		"GET /{index}":          h.indexExists, // also for HEAD
		"DELETE /{index}":       h.deleteIndex,
		"POST /{index}/_doc":    h.indexDocument,
		"/{index}/_doc/{id}":    h.document,
		"/{index}/_create/{id}": h.createDocument,

		"POST /_bulk":         h.bulk,
		"PUT /_bulk":          h.bulk,
		"POST /{index}/_bulk": h.bulk,
		"PUT /{index}/_bulk":  h.bulk,

		"GET /_search":           h.search,
		"POST /_search":          h.search,
		"GET /{index}/_search":   h.search,
		"POST /{index}/_search":  h.search,
		"GET /_count":            h.count,
		"POST /_count":           h.count,
		"GET /{index}/_count":    h.count,
		"POST /{index}/_count":   h.count,
		"GET /_refresh":          h.refresh,
		"POST /_refresh":         h.refresh,
		"GET /{index}/_refresh":  h.refresh,
		"POST /{index}/_refresh": h.refresh,

		"/": notSupported,
	} {
		h.mux.Handle(pattern, serve)
	}
	return h
}

// ServeHTTP answers a request as Elasticsearch does.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The client refuses a server without this header.
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			reply(w, r, http.StatusBadRequest, &failure{Type: "not_x_content_exception", Reason: err.Error()})
			return
		}
		r.Body = body
	}
	h.mux.ServeHTTP(w, r)
}

// Close drops every index.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for name, ix := range h.indices {
		errs = append(errs, ix.close())
		delete(h.indices, name)
	}
	return errors.Join(errs...)
}

// endpoint answers a request with a status and a body to encode as JSON, or with an error.
type endpoint func(*http.Request) (int, any, error)

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body, err := e(r)
	if err != nil {
		f, ok := errors.AsType[*failure](err)
		if !ok {
			f = &failure{Type: "exception", Reason: err.Error(), Status: http.StatusInternalServerError}
		}
		status, body = f.status(), f
	}
	reply(w, r, status, body)
}

func reply(w http.ResponseWriter, r *http.Request, status int, body any) {
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
	Index        string // "" if it concerns no index
	Status       int    // 0 means 400
}

// failf returns a failure of a type, with status 400.
func failf(kind, format string, args ...any) *failure {
	return &failure{Type: kind, Reason: fmt.Sprintf(format, args...)}
}

func (f *failure) Error() string { return f.Type + ": " + f.Reason }

func (f *failure) status() int { return cmp.Or(f.Status, http.StatusBadRequest) }

// cause is the part of a failure that _bulk reports for each item.
func (f *failure) cause() map[string]any {
	cause := map[string]any{"type": f.Type, "reason": f.Reason}
	if f.Index != "" {
		cause["index"] = f.Index
	}
	return cause
}

func (f *failure) MarshalJSON() ([]byte, error) {
	cause := f.cause()
	cause["root_cause"] = []any{f.cause()}
	return json.Marshal(map[string]any{"error": cause, "status": f.status()})
}

func notSupported(r *http.Request) (int, any, error) {
	return http.StatusBadRequest, map[string]any{
		"error":  fmt.Sprintf("no handler found for uri [%s] and method [%s]", r.URL.RequestURI(), r.Method),
		"status": http.StatusBadRequest,
	}, nil
}

func info(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{
		"name":         "minielastic",
		"cluster_name": "minielastic",
		"cluster_uuid": "_na_",
		"version": map[string]any{
			"number":                              "8.19.0",
			"build_flavor":                        "default",
			"build_type":                          "unknown",
			"build_hash":                          "unknown",
			"build_date":                          time.Time{},
			"build_snapshot":                      false,
			"lucene_version":                      "9.12.1",
			"minimum_wire_compatibility_version":  "7.17.0",
			"minimum_index_compatibility_version": "7.0.0",
		},
		"tagline": "You Know, for Search",
	}, nil
}

func (h *Handler) health(*http.Request) (int, any, error) {
	h.mu.RLock()
	shards := len(h.indices)
	h.mu.RUnlock()
	return http.StatusOK, map[string]any{
		"cluster_name":                     "minielastic",
		"status":                           "green",
		"timed_out":                        false,
		"number_of_nodes":                  1,
		"number_of_data_nodes":             1,
		"active_primary_shards":            shards,
		"active_shards":                    shards,
		"relocating_shards":                0,
		"initializing_shards":              0,
		"unassigned_shards":                0,
		"delayed_unassigned_shards":        0,
		"number_of_pending_tasks":          0,
		"number_of_in_flight_fetch":        0,
		"task_max_waiting_in_queue_millis": 0,
		"active_shards_percent_as_number":  100.0,
	}, nil
}
