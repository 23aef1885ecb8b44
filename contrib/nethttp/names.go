package nethttp

import (
	"net/http"
	"strconv"
	"strings"
)

// StatusError is the failure of a request that was answered with that status, 500 or above. No
// function returns it: it is what gaptrace.WithExpected is asked about, and what the span logs.
type StatusError int

// Error is the status as HTTP writes it, such as "503 Service Unavailable".
func (e StatusError) Error() string {
	return strings.TrimSpace(strconv.Itoa(int(e)) + " " + http.StatusText(int(e)))
}

// operation names a span. A method is any token its sender likes, so what is not standard shares
// one name: names must stay few. None is built, since that would cost calls that are not recorded too.
func operation(method string) string {
	switch method {
	case "", http.MethodGet:
		return "HTTP GET"
	case http.MethodHead:
		return "HTTP HEAD"
	case http.MethodPost:
		return "HTTP POST"
	case http.MethodPut:
		return "HTTP PUT"
	case http.MethodPatch:
		return "HTTP PATCH"
	case http.MethodDelete:
		return "HTTP DELETE"
	case http.MethodConnect:
		return "HTTP CONNECT"
	case http.MethodOptions:
		return "HTTP OPTIONS"
	case http.MethodTrace:
		return "HTTP TRACE"
	}
	return "HTTP OTHER"
}

// carrier is headers that a tracer writes its context to. What would not be a valid header, and would make
// net/http refuse the caller's request, is dropped: baggage may hold anything.
type carrier http.Header

// Set implements opentracing.TextMapWriter.
func (c carrier) Set(key, value string) {
	if !validName(key) || !validValue(value) {
		return
	}
	canonical := http.CanonicalHeaderKey(key)
	c[canonical] = []string{value}
	for other := range c { // a stale one, put there as somebody likes to spell it
		if len(other) == len(key) && other != canonical && strings.EqualFold(other, key) {
			delete(c, other)
		}
	}
}

// Del removes what a caller passes on under a key, however it is spelled, as a proxy does. Package tracer asks for it where a
// header of another format no longer holds.
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
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0) {
			return false
		}
	}
	return s != ""
}

// validValue reports whether s holds no control character but the tab (RFC 9110, 5.5).
func validValue(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
