package nethttp

import (
	"net/http"
	"strconv"
	"strings"
)

// StatusError is the error recorded for a response with a status of 500 or above. Its value is the
// status. No function returns it: a span logs it, and the hook of gaptrace.WithExpected gets it.
type StatusError int

// Error returns the status as HTTP writes it, such as "503 Service Unavailable".
func (e StatusError) Error() string {
	return strings.TrimSpace(strconv.Itoa(int(e)) + " " + http.StatusText(int(e)))
}

// operation returns the name of a request's span. A peer may send any text as a method, and names
// must stay few, so methods that net/http does not define share one. All names are constants, since
// to build one would allocate, even for a request that is not recorded.
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
