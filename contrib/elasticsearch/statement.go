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

// maxRead is how many bytes of a body are read. Truncating them gives the same as truncating the
// whole body.
const maxRead = spanutil.MaxValue + utf8.UTFMax + 1

// statement is a request's body, to be recorded once the request has been sent. The zero value has
// none.
type statement struct {
	again    func() (io.ReadCloser, error) // returns a copy of the body, if not nil
	seen     *tee                          // otherwise
	encoding string                        // the caller's; the library compresses later
}

// statementOf leaves req.Body alone if GetBody returns a copy. Otherwise it replaces req.Body by a
// reader that keeps its beginning. What is sent stays the same.
func statementOf(req *http.Request) statement {
	if req.Body == nil || req.Body == http.NoBody {
		return statement{}
	}
	s := statement{again: req.GetBody, encoding: req.Header.Get("Content-Encoding")}
	if s.again == nil {
		s.seen = &tee{ReadCloser: req.Body}
		req.Body = s.seen
	}
	return s
}

// record sets the body as the statement of call, and reports whether it was redacted.
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
	case s.again != nil:
		body, err := s.again()
		if err != nil {
			return ""
		}
		defer body.Close()
		return s.decode(body)
	case s.seen != nil:
		return s.decode(bytes.NewReader(s.seen.beginning()))
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
