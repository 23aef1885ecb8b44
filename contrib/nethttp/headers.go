package nethttp

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// tagHeaders records those headers whose names WithHeaders lists.
func tagHeaders(call *spanutil.Call, prefix string, from http.Header, names []string) {
	if len(names) == 0 || !call.Sampled() {
		return
	}
	for _, name := range names {
		if values := from[textproto.CanonicalMIMEHeaderKey(name)]; len(values) > 0 {
			call.Tag(prefix+strings.ToLower(name), headerValue(name, values))
		}
	}
}

// headerValue returns what a span shows of a header. Redaction of a key's value errs on the side of
// too much: X-Request-Token is hidden.
func headerValue(name string, values []string) string {
	if redact.IsKey(name) {
		return "hidden"
	}
	return redact.Text(strings.Join(values, ", "))
}
