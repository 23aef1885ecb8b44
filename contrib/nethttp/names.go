package nethttp

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// StatusError is the error recorded for a response with a status of 500 or above. Its value is the
// status. No function returns it: a span logs it, and the hook of gaptrace.WithExpected gets it.
type StatusError int

// Error returns the status as HTTP writes it, such as "503 Service Unavailable".
func (e StatusError) Error() string {
	return strings.TrimSpace(strconv.Itoa(int(e)) + " " + http.StatusText(int(e)))
}

// failureOf returns a StatusError if the status is a failure of call, or else nil.
func failureOf(call *spanutil.Call, status int) error {
	if !call.Failed(status, status >= 500) {
		return nil
	}
	return StatusError(status)
}

// operations are the names of requests. They are constants, since to build one would allocate, even
// for a request that is not recorded.
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

// operation returns the name of a request's span. A peer may send any text as a method, and names
// must stay few, so methods that net/http does not define share one.
func operation(method string) string { return cmp.Or(operations[method], "HTTP OTHER") }
