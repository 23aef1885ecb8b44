package nethttp

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// copyBack copies to req what the handler has changed in served, its copy of req: a mux sets the
// pattern, parsing a form creates files that net/http removes later, and some handlers correct the
// peer's address. Fields that did not change are not written, since a middleware's goroutine may be
// reading them.
func copyBack(req, served *http.Request, body *requestBody) {
	if body != nil {
		body.detach()
	}
	if req.Pattern != served.Pattern {
		req.Pattern = served.Pattern
		copyPathValues(req, served)
	}
	if served.MultipartForm != nil {
		req.MultipartForm = served.MultipartForm
	}
	if served.Form != nil {
		req.Form, req.PostForm = served.Form, served.PostForm
	}
	given := req.Body
	if body != nil {
		given = body
	}
	if served.Body != given {
		req.Body = served.Body
	}
	update(&req.Method, served.Method)
	update(&req.Host, served.Host)
	update(&req.RemoteAddr, served.RemoteAddr)
	update(&req.RequestURI, served.RequestURI)
	update(&req.URL, served.URL)
	update(&req.ContentLength, served.ContentLength)
	if !sameHeader(req.Header, served.Header) {
		req.Header = served.Header
	}
}

func update[T comparable](to *T, value T) {
	if *to != value {
		*to = value
	}
}

// copyPathValues copies the values of the wildcards in from's pattern, such as id in "/books/{id}".
func copyPathValues(to, from *http.Request) {
	_, rest, found := strings.Cut(from.Pattern, "{")
	for found {
		var name string
		name, rest, _ = strings.Cut(rest, "}")
		name, _, _ = strings.Cut(name, ":") // other muxes write {id:[0-9]+}
		if name = strings.TrimSuffix(name, "..."); name != "$" {
			to.SetPathValue(name, from.PathValue(name))
		}
		_, rest, found = strings.Cut(rest, "{")
	}
}

// requestBody is the body of the handler's copy of a request.
type requestBody struct {
	io.ReadCloser // original, or a reader that records its waits
	original      io.ReadCloser

	x            *exchange    // nil if the request is not sampled
	mayExceed    atomic.Bool  // a limit may be exceeded: see bodylimit.go
	othersFilled atomic.Int32 // Reads that filled their buffer and were not a MaxBytesReader's

	// The request and the handler's copy. They are nil after the handler has returned, since a
	// goroutine of the handler may go on reading.
	mu          sync.Mutex
	req, served *http.Request
}

// newBody gives served its own body. It returns nil if there is no body to read.
func newBody(req, served *http.Request) *requestBody {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	b := &requestBody{ReadCloser: req.Body, original: req.Body, req: req, served: served}
	served.Body = b
	return b
}

// Read also copies the trailers at EOF, since net/http sets them on its own request.
func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case b.x == nil:
	case n > 0 && n == len(p):
		b.checkLimit(p, err)
	case b.mayExceed.Load():
		b.mayExceed.Store(false)
	}
	if err == io.EOF {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.req != nil && b.req.Trailer != nil && b.served.Trailer == nil {
			b.served.Trailer = b.req.Trailer
		}
	}
	return n, err
}

func (b *requestBody) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.req, b.served = nil, nil
}
