// Package export describes a backend to which package tracer sends spans instead of Jaeger. Package
// tracer/otlp, a module of its own, describes one.
package export

import (
	"net/http"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Settings are what the options of package tracer/otlp set, and its New.
type Settings struct {
	Backend  *Backend // set by New; nil if spans are sent to Jaeger
	Endpoint string   // the URL of WithEndpoint; "" without that option
	Rename   bool     // WithSemanticConventions
}

// A Backend accepts spans by HTTP. Its functions are called by one goroutine at a time.
type Backend struct {
	URL       string
	Header    http.Header           // of each request
	Timeout   time.Duration         // of a request
	Configure func(*http.Transport) // changes the transport before the first request

	// Encode returns the body of a request with spans, which all have the same process. It may change
	// the spans, but not what they point to, since they may be encoded again.
	Encode func(spans []gap.Span) ([]byte, error)

	// Rejected reads the answer to a request that was accepted. It returns how many of its spans were
	// not, and why.
	Rejected func(contentType string, answer []byte) (spans int, reason error)

	// Passes reports whether the same request may succeed later: status is the answer, or 0 if there
	// was none.
	Passes func(status int) bool
}
