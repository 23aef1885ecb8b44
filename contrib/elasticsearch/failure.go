package gapes

import (
	"bytes"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"strconv"

	redacted "github.com/gaptrace/gaptrace/internal/redact/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// Error is the failure of a call whose response has a status of 400 or above. The function given to
// [gaptrace.WithExpected] gets it, as a *Error, when the response's body ends. The client itself
// never returns it. Unlike what a span records, an Error's text is complete, and may repeat secrets
// and documents.
type Error struct {
	Status int    // the HTTP status
	Type   string // such as "index_not_found_exception"; empty if the body has none, or was not read
	Reason string // such as "no such index [x]"; empty like Type
}

// Error returns type and reason, or the HTTP status if both are empty.
func (e *Error) Error() string {
	switch {
	case e.Type != "" && e.Reason != "":
		return e.Type + ": " + e.Reason
	case e.Type != "" || e.Reason != "":
		return e.Type + e.Reason
	}
	return strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
}

// watchFailure is spanutil.WatchResponse for a failed request. The call fails with the error in the
// body, as far as the caller has read it.
func watchFailure(call *spanutil.Call, request redacted.Request, res *http.Response) *http.Response {
	status := res.StatusCode
	return watchPrefix(call, res, nil, func(call *spanutil.Call, prefix []byte) {
		e := &Error{Status: status}
		e.read(bytes.NewReader(prefix))
		recorded := *e
		recorded.Reason = request.Reason(e.Type, e.Reason)
		call.Fail(spanutil.Redacted(e, func(string) string { return recorded.Error() }))
	})
}

// read parses {"error":{"type":…,"reason":…}}, or {"error":reason}. A body that is truncated or is
// not JSON, such as a proxy's page, leaves fields empty.
func (e *Error) read(r io.Reader) {
	d := json.NewDecoder(r)
	if open, _ := d.Token(); open != json.Delim('{') {
		return
	}
	for name := range members(d) {
		if name != "error" {
			skip(d)
			continue
		}
		value, _ := d.Token()
		if value == json.Delim('{') {
			e.readCause(d)
		} else {
			e.Reason, _ = value.(string)
		}
		return
	}
}

func (e *Error) readCause(d *json.Decoder) {
	for name := range members(d) {
		switch name {
		case "type":
			_ = d.Decode(&e.Type)
		case "reason":
			_ = d.Decode(&e.Reason)
		default:
			skip(d)
		}
		if e.Type != "" && e.Reason != "" {
			return
		}
	}
}

// members yields the names of the members of the object that d is in. The loop's body must read or
// skip the value of each. Invalid JSON ends the loop.
func members(d *json.Decoder) iter.Seq[string] {
	return func(yield func(string) bool) {
		for d.More() {
			token, err := d.Token()
			if name, ok := token.(string); err != nil || !ok || !yield(name) {
				return
			}
		}
	}
}

func skip(d *json.Decoder) {
	var value json.RawMessage
	_ = d.Decode(&value)
}
