package nethttp

import (
	"net/http"
	"strconv"
	"strings"
)

// StatusError is the failure that a response's status means, if it is 500 or above. No function
// returns it. It is the error that a span logs, and that the hook of gaptrace.WithExpected
// receives.
type StatusError int

// Error returns the status as HTTP writes it, such as "503 Service Unavailable".
func (e StatusError) Error() string {
	return strings.TrimSpace(strconv.Itoa(int(e)) + " " + http.StatusText(int(e)))
}

// operation returns the name of a request's span. A peer may send any text as a method, and names
// must stay few, so methods that net/http does not define share one. All names are constants: to
// build one would allocate, even for a request that is not recorded.
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
