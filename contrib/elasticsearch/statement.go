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

// enough of a body that the cut, and its mark, come out as if all of it had been read.
const enough = spanutil.MaxValue + utf8.UTFMax + 1

// statement is a request's body, to be recorded once the request has been sent. Zero is none.
type statement struct {
	again    func() (io.ReadCloser, error) // a copy of the body; nil: it was seen
	seen     *tee
	encoding string // the caller's; the library compresses later
}

// statementOf leaves req.Body alone where the body can be had a second time, and otherwise looks
// on while it is read. What is sent, and how, stays the same.
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

// record sets the body as the statement of call, and reports whether it had to be redacted.
func (s statement) record(call *spanutil.Call) (marked bool) {
	text := s.text()
	shown := redacted.Body(text)
	call.Statement(shown)
	return shown != text
}

// text is the beginning of the body, cut at 4 KiB; empty where there is none, or none to be read.
func (s statement) text() (text string) {
	defer func() { _ = recover() }() // GetBody is the caller's, and the library may never call it
	switch {
	case s.again != nil:
		body, err := s.again()
		if err != nil {
			return ""
		}
		defer body.Close()
		return s.plain(body)
	case s.seen != nil:
		return s.plain(bytes.NewReader(s.seen.beginning()))
	}
	return ""
}

var buffers = sync.Pool{New: func() any { return new([enough]byte) }}

func (s statement) plain(body io.Reader) string {
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
	buf := buffers.Get().(*[enough]byte)
	defer buffers.Put(buf)
	n, _ := io.ReadFull(body, buf[:]) // what came before an error will do
	return spanutil.Truncate(string(buf[:n]))
}

// tee remembers the beginning of what is read through it.
type tee struct {
	io.ReadCloser

	mu   sync.Mutex // net/http may go on sending a body after the answer has come
	head []byte
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := enough - len(t.head); n > 0 && room > 0 {
		t.head = append(t.head, p[:min(n, room)]...)
	}
	return n, err
}

func (t *tee) beginning() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head
}
