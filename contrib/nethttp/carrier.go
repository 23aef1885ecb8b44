package nethttp

import (
	"net/http"
	"strings"
)

// carrier holds the headers into which a tracer injects a span's context. It drops invalid headers,
// for which net/http would refuse the caller's request. A baggage item may be one.
type carrier http.Header

// Set implements opentracing.TextMapWriter. It replaces the key in every spelling.
func (c carrier) Set(key, value string) {
	if key == "" || strings.ContainsFunc(key, notInName) || strings.ContainsFunc(value, notInValue) {
		return
	}
	canonical := http.CanonicalHeaderKey(key)
	c[canonical] = []string{value}
	for other := range c {
		if len(other) == len(key) && other != canonical && strings.EqualFold(other, key) {
			delete(c, other)
		}
	}
}

// Del removes the key in every spelling. Package tracer calls it for headers of other formats. A
// proxy passes them on, and they name an earlier span.
func (c carrier) Del(key string) {
	for other := range c {
		if strings.EqualFold(other, key) {
			delete(c, other)
		}
	}
}

// notInName reports whether a header's name cannot contain r: it is a token (RFC 9110, 5.6.2).
func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// notInValue reports whether a header's value cannot contain r, a control character other than a
// tab (RFC 9110, 5.5).
func notInValue(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
