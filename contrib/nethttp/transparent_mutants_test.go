package nethttp_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// A mutant is a wrapper with a fault that some known wrapper has.
type mutant struct {
	handler, request string // of TestTransparent, with which the fault shows
	protocol         string // HTTP/1.1 if empty
	roundTrip        func(next http.RoundTripper, r *http.Request) (*http.Response, error)
	transport        func(http.RoundTripper) http.RoundTripper
	wrap             func(http.Handler) http.Handler
}

// TestTransparentDetectsFaults checks that observe sees each fault.
func TestTransparentDetectsFaults(t *testing.T) {
	for group, mutants := range map[string]map[string]mutant{
		"client": clientMutants, "writer": writerMutants, "handler": handlerMutants,
	} {
		for name, m := range mutants {
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				m.test(t)
			})
		}
	}
}

func (m mutant) test(t *testing.T) {
	transport, wrap := m.transport, m.wrap
	switch {
	case m.roundTrip != nil:
		transport = func(next http.RoundTripper) http.RoundTripper {
			roundTrip := roundTripper(func(r *http.Request) (*http.Response, error) { return m.roundTrip(next, r) })
			return withIdle{roundTrip, next.(*http.Transport)}
		}
	case transport == nil:
		transport = same
	}
	if wrap == nil {
		wrap = unwrapped
	}
	protocol := cmp.Or(m.protocol, "HTTP/1.1")
	handler, build := handlers[m.handler], requests[m.request]
	if handler == nil || build == nil {
		t.Fatalf("no handler %q or no request %q", m.handler, m.request)
	}
	raw := observe(t, protocol, handler, same, t.Context(), build)
	if got := observe(t, protocol, wrap(handler), transport, t.Context(), build); raw == got {
		t.Errorf("not seen in\n%s", raw)
	}
}

// withIdle is a RoundTripper that keeps the CloseIdleConnections of the one inside.
type withIdle struct {
	roundTripper
	next *http.Transport
}

func (w withIdle) CloseIdleConnections() { w.next.CloseIdleConnections() }

var clientMutants = map[string]mutant{
	"changes the caller's headers": {handler: "text", request: "GET", roundTrip: changeHeaders},
	"returns its own request":      {handler: "text", request: "GET", roundTrip: returnOwnRequest},
	"wraps the error":              {handler: "hang up", request: "POST", roundTrip: wrapError},
	"loses the caller's trace":     {handler: "early hints", request: "GET", roundTrip: loseTrace},
	"replaces http.NoBody":         {handler: "text", request: "POST of nothing", roundTrip: replaceNoBody},
	"loses the request's length":   {handler: "text", request: "POST", roundTrip: loseLength},
	"loses the response's trailers": {
		handler: "echo with trailers", request: "POST, chunked, with trailers", roundTrip: loseTrailers,
	},
	"loses Write of an upgraded connection": {handler: "hijacked", request: "upgrade", roundTrip: loseWrite},
	"loses the body's error":                {handler: "truncated", request: "GET", roundTrip: loseBodyError},
	"loses CloseIdleConnections": {
		handler: "text", request: "GET",
		transport: func(next http.RoundTripper) http.RoundTripper { return roundTripper(next.RoundTrip) },
	},
}

func changeHeaders(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	r.Header.Set("Spantest-Trace", "1")
	return next.RoundTrip(r)
}

func returnOwnRequest(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Spantest-Trace", "1")
	return next.RoundTrip(r)
}

func wrapError(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err != nil {
		err = fmt.Errorf("wrapped: %w", err)
	}
	return resp, err
}

func loseTrace(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	return next.RoundTrip(r.WithContext(context.Background()))
}

func replaceNoBody(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(r.Body)
	return next.RoundTrip(r)
}

func loseLength(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.ContentLength = -1
	return next.RoundTrip(r)
}

func loseTrailers(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err == nil {
		resp = &http.Response{
			Status: resp.Status, StatusCode: resp.StatusCode, Header: resp.Header, Body: resp.Body,
			ContentLength: resp.ContentLength, Request: resp.Request,
		}
	}
	return resp, err
}

func loseWrite(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err == nil {
		resp.Body = io.NopCloser(resp.Body)
	}
	return resp, err
}

func loseBodyError(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err == nil {
		body, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	return resp, err
}

// withWriter returns a wrapper that gives its handler another writer.
func withWriter(other func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(other(w), r) })
	}
}

var writerMutants = map[string]mutant{
	"loses Flush": {handler: "writer", request: "GET", wrap: withWriter(func(w http.ResponseWriter) http.ResponseWriter {
		return hijacker{w, w.(http.Hijacker)}
	})},
	"loses Hijack": {handler: "writer", request: "GET", wrap: withWriter(func(w http.ResponseWriter) http.ResponseWriter {
		return flusher{w, w.(http.Flusher)}
	})},
	"adds Hijack": {
		handler: "writer", request: "GET", protocol: "HTTP/2",
		wrap: withWriter(func(w http.ResponseWriter) http.ResponseWriter {
			return flusherHijacker{w, w.(http.Flusher), noHijack{}}
		}),
	},
	"loses Unwrap": {handler: "writer", request: "GET", wrap: withWriter(func(w http.ResponseWriter) http.ResponseWriter {
		return flusherHijacker{w, w.(http.Flusher), w.(http.Hijacker)}
	})},
	"loses all": {handler: "both ways at once", request: "GET", wrap: func(h http.Handler) http.Handler {
		return withWriter(func(w http.ResponseWriter) http.ResponseWriter { return plain{w} })(
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if panicOf(func() { h.ServeHTTP(w, r) }) != nil { // the handler's assertion
					panic(http.ErrAbortHandler)
				}
			}))
	}},
	"takes early hints for the response": {
		handler: "early hints", request: "GET",
		wrap: withWriter(func(w http.ResponseWriter) http.ResponseWriter { return &onlyOnce{ResponseWriter: w} }),
	},
}

// onlyOnce passes the first status on, and no other.
type onlyOnce struct {
	http.ResponseWriter
	wrote bool
}

func (o *onlyOnce) WriteHeader(status int) {
	if !o.wrote {
		o.wrote = true
		o.ResponseWriter.WriteHeader(status)
	}
}

// around returns a wrapper that serves by serve.
func around(serve func(h http.Handler, w http.ResponseWriter, r *http.Request)) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(h, w, r) })
	}
}

var handlerMutants = map[string]mutant{
	"loses the request's trailers": {
		handler: "echo with trailers", request: "POST, chunked, with trailers", wrap: around(loseRequestTrailers),
	},
	"loses the pattern":         {handler: "through a mux", request: "GET", wrap: around(losePattern)},
	"swallows a panic":          {handler: "panic", request: "GET", wrap: around(swallowPanic)},
	"panics with another value": {handler: "hang up", request: "GET", wrap: around(changePanic)},
	"reads the handler's body":  {handler: "form", request: "POST", wrap: around(readEarly)},
}

func loseRequestTrailers(h http.Handler, w http.ResponseWriter, r *http.Request) {
	r = r.Clone(r.Context())
	r.Trailer = nil
	h.ServeHTTP(w, r)
}

func losePattern(h http.Handler, w http.ResponseWriter, r *http.Request) {
	h.ServeHTTP(w, r.WithContext(r.Context()))
}

func swallowPanic(h http.Handler, w http.ResponseWriter, r *http.Request) {
	panicOf(func() { h.ServeHTTP(w, r) })
}

func changePanic(h http.Handler, w http.ResponseWriter, r *http.Request) {
	panic(fmt.Errorf("again: %v", panicOf(func() { h.ServeHTTP(w, r) })))
}

func readEarly(h http.Handler, w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	h.ServeHTTP(w, r)
}
