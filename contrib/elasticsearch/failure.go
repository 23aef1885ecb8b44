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

// Error is an answer of Elasticsearch that its span shows as a failure: one with a status of 400 or
// more. It is what the hook of gaptrace.WithExpected is given, as a *Error, when the answer's body
// ends; calls return what go-elasticsearch makes of the answer. Its text, unlike the span's, is
// all that was said, and may repeat secrets and documents.
type Error struct {
	Status int    // of HTTP
	Type   string // such as "index_not_found_exception"; empty where the body does not say, or was not read
	Reason string // such as "no such index [x]"; as Type
}

// Error is what Elasticsearch said, or else the status.
func (e *Error) Error() string {
	switch {
	case e.Type != "" && e.Reason != "":
		return e.Type + ": " + e.Reason
	case e.Type != "" || e.Reason != "":
		return e.Type + e.Reason
	}
	return strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
}

// failing is spanutil.WatchResponse for a failed request: the call fails with the error in the body, as
// far as the caller has read it.
func failing(call *spanutil.Call, asked redacted.Request, res *http.Response) *http.Response {
	status := res.StatusCode
	return lookingOn(call, res, nil, func(head []byte) {
		e := &Error{Status: status}
		e.read(bytes.NewReader(head))
		shown := *e
		shown.Reason = asked.Reason(e.Type, e.Reason)
		call.Fail(spanutil.Redacted(e, func(string) string { return shown.Error() }))
	})
}

// read finds {"error":{"type":…,"reason":…}}, or {"error":reason}. It makes do with what is
// there: bodies are cut off, and proxies answer in HTML.
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

// members are the names in the object that d is in. The loop must take each one's value; where
// that fails because the text does, there is no next name.
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
