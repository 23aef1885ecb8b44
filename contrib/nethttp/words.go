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

// operations names a span by its method: built once, since a string built for each call would
// cost calls that are not recorded too.
var operations = map[string]string{
	"":                 "HTTP GET",
	http.MethodGet:     "HTTP GET",
	http.MethodHead:    "HTTP HEAD",
	http.MethodPost:    "HTTP POST",
	http.MethodPut:     "HTTP PUT",
	http.MethodPatch:   "HTTP PATCH",
	http.MethodDelete:  "HTTP DELETE",
	http.MethodConnect: "HTTP CONNECT",
	http.MethodOptions: "HTTP OPTIONS",
	http.MethodTrace:   "HTTP TRACE",
}

// operation names a span. A method is any token its sender likes, so what is not standard shares
// one name: names must stay few.
func operation(method string) string {
	if name, ok := operations[method]; ok {
		return name
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
	http.Header(c).Set(key, value)
	if key != http.CanonicalHeaderKey(key) {
		delete(c, key) // a stale one that was put there as it is sent
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
