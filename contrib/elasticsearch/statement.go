package gapes

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"sync"
	"unicode/utf8"

	redacted "github.com/gaptrace/gaptrace/internal/redact/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// maxRead is how many bytes of a body are read: enough that truncating them gives the same as
// truncating the whole body.
const maxRead = spanutil.MaxValue + utf8.UTFMax + 1

// statement is a request's body, to be recorded. At most one of getBody and tee is set; the zero
// value has no body.
type statement struct {
	getBody  func() (io.ReadCloser, error) // the request's GetBody
	tee      *tee                          // the request's Body, if it has no GetBody
	encoding string                        // the caller's Content-Encoding; the library compresses later
}

// statementOf returns the statement of req. If req has no GetBody, it replaces req.Body by a reader
// that sends the same and keeps the beginning.
func statementOf(req *http.Request) statement {
	if req.Body == nil || req.Body == http.NoBody {
		return statement{}
	}
	s := statement{getBody: req.GetBody, encoding: req.Header.Get("Content-Encoding")}
	if s.getBody == nil {
		s.tee = &tee{ReadCloser: req.Body}
		req.Body = s.tee
	}
	return s
}

// record tags call with the body, redacted. It reports whether the redaction changed it.
func (s statement) record(call *spanutil.Call) (changed bool) {
	text := s.text()
	recorded := redacted.Body(text)
	call.Statement(recorded)
	return recorded != text
}

// text returns the body, truncated at 4 KiB. It is empty if the body cannot be read.
func (s statement) text() (text string) {
	defer func() { _ = recover() }() // GetBody is the caller's code
	switch {
	case s.getBody != nil:
		body, err := s.getBody()
		if err != nil {
			return ""
		}
		defer body.Close()
		return s.decode(body)
	case s.tee != nil:
		return s.decode(bytes.NewReader(s.tee.beginning()))
	}
	return ""
}

var buffers = sync.Pool{New: func() any { return new([maxRead]byte) }}

func (s statement) decode(body io.Reader) string {
	switch s.encoding {
	case "":
	case "gzip":
		plain, err := gzip.NewReader(body)
		if err != nil {
			return ""
		}
		body = plain
	default:
		return ""
	}
	buf := buffers.Get().(*[maxRead]byte)
	defer buffers.Put(buf)
	n, _ := io.ReadFull(body, buf[:]) // what was read before an error is recorded
	return spanutil.Truncate(string(buf[:n]))
}

// tee keeps the beginning of what is read through it.
type tee struct {
	io.ReadCloser

	mu   sync.Mutex // net/http may send the body after the response has come
	kept []byte
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if free := maxRead - len(t.kept); n > 0 && free > 0 {
		t.kept = append(t.kept, p[:min(n, free)]...)
	}
	return n, err
}

func (t *tee) beginning() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept
}
