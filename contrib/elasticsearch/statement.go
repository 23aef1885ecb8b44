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

// tag sets db.statement to the body, redacted. It reports whether the span shows the whole body, as
// it was: then a failure that repeats a part of it shows nothing new.
func (s statement) tag(call *spanutil.Call) (whole bool) {
	text, whole := s.text()
	shown := redacted.Body(text)
	call.Statement(shown)
	return whole && shown == text
}

// text returns the body, truncated at 4 KiB, and whether that is all of it. text is empty if the
// body cannot be read.
func (s statement) text() (text string, whole bool) {
	defer func() { _ = recover() }() // GetBody is the caller's code
	switch {
	case s.getBody != nil:
		body, err := s.getBody()
		if err != nil {
			return "", false
		}
		defer body.Close()
		return s.decode(body)
	case s.tee != nil:
		beginning, ended := s.tee.beginning()
		text, whole = s.decode(bytes.NewReader(beginning))
		return text, whole && ended
	}
	return "", true
}

var buffers = sync.Pool{New: func() any { return new([maxRead]byte) }}

func (s statement) decode(body io.Reader) (text string, whole bool) {
	switch s.encoding {
	case "":
	case "gzip":
		plain, err := gzip.NewReader(body)
		if err != nil {
			return "", false
		}
		body = plain
	default:
		return "", false
	}
	buf := buffers.Get().(*[maxRead]byte)
	defer buffers.Put(buf)
	// Not io.ReadFull, whose io.ErrUnexpectedEOF may also be that of a gzip stream that is cut off.
	n, err := 0, error(nil)
	for n < len(buf) && err == nil {
		var more int
		more, err = body.Read(buf[n:])
		n += more
	}
	text = spanutil.Truncate(string(buf[:n])) // what was read before an error is recorded
	return text, err == io.EOF && n == len(text)
}

// tee keeps the beginning of what is read through it.
type tee struct {
	io.ReadCloser

	mu    sync.Mutex // net/http may send the body after the response has come
	kept  []byte
	ended bool // all has been read
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if free := maxRead - len(t.kept); n > 0 && free > 0 {
		t.kept = append(t.kept, p[:min(n, free)]...)
	}
	t.ended = t.ended || err == io.EOF
	return n, err
}

func (t *tee) beginning() (kept []byte, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept, t.ended
}
