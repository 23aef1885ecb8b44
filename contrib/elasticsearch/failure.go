package elasticsearch

import (
	"bytes"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"runtime"
	"strconv"
	"sync"

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

// Of a body this much is kept, at most, for the reason it gives.
const enoughToTell = 64 << 10

// failure is why a call failed, as far as the caller has read the answer that says so. It does not
// lead to the body, so that it can outlive it.
type failure struct {
	call   *spanutil.Call
	asked  asked
	status int

	mu   sync.Mutex // a body may be closed while it is read
	head []byte     // of the body
	told bool
}

// failing is spanutil.Body for an answer that is a failure. What the body says of it is known only
// when the caller has read that far, and reading ahead could block where the raw call returns. So
// the call fails when its body ends, or when the collector finds it.
func failing(call *spanutil.Call, a asked, res *http.Response) io.ReadCloser {
	f := &failure{call: call, asked: a, status: res.StatusCode}
	if res.Body == nil || res.Body == http.NoBody {
		f.tell()
		return spanutil.Body(call, res.Body)
	}
	body := &handedOut{spanutil.BodySeen(call, res.Body, f.seen)}
	// That the cleanup holds what is inside makes it run before the one of spanutil.BodySeen, which
	// finishes the call.
	runtime.AddCleanup(body, func(handedOut) { f.tell() }, *body)
	return body
}

type handedOut struct{ io.ReadCloser }

// seen keeps what was read, and tells of it when the body ends.
func (f *failure) seen(read []byte, end bool) {
	f.mu.Lock()
	f.head = append(f.head, read[:min(len(read), enoughToTell-len(f.head))]...)
	f.mu.Unlock()
	if end {
		f.tell()
	}
}

// tell fails the call, once.
func (f *failure) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told {
		return
	}
	f.told = true
	e := &Error{Status: f.status}
	e.read(bytes.NewReader(f.head))
	f.call.Fail(spanutil.Reworded(e, func(string) string { return f.asked.failure(*e) }))
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
