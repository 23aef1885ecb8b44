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
	if !validName(key) || !validValue(value) {
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

// validName reports whether s is a token (RFC 9110, 5.6.2).
func validName(s string) bool {
	for i := range len(s) {
		b := s[i]
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0) {
			return false
		}
	}
	return s != ""
}

// validValue reports whether s holds no control character except tabs (RFC 9110, 5.5).
func validValue(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
