package gapes

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	redacted "github.com/gaptrace/gaptrace/internal/redact/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/ext"
)

// maxRead is how many bytes of a body are read: enough that truncating them gives the same as
// truncating the whole body.
const maxRead = spanutil.MaxValue + utf8.UTFMax + 1

// statement is a request's body, to be recorded. At most one of memory, getBody and tee is set; the
// zero value has no body.
type statement struct {
	memory   io.Reader                     // what the request's Body reads: see inMemory
	getBody  func() (io.ReadCloser, error) // the request's GetBody
	tee      *tee                          // the request's Body, if it has no GetBody
	encoding string                        // the caller's Content-Encoding; the library compresses later
}

// statementOf returns the statement of req. It can be read before the request is sent if its memory
// is set. Otherwise, GetBody may rewind the only body, and is called after the request was sent.
func statementOf(req *http.Request) statement {
	if req.Body == nil || req.Body == http.NoBody {
		return statement{}
	}
	var s statement
	if encodings := req.Header["Content-Encoding"]; len(encodings) > 0 { // cheaper than Get
		s.encoding = encodings[0]
	}
	if s.encoding == "" {
		s.memory = inMemory(req.Body)
	}
	if s.memory == nil {
		s.getBody = req.GetBody
	}
	return s
}

// watch replaces the body of sent, if it can be read only once, by a reader that sends the same and
// keeps the beginning.
func (s *statement) watch(sent *http.Request) {
	if sent.Body != nil && sent.Body != http.NoBody && s.memory == nil && s.getBody == nil {
		s.tee = &tee{ReadCloser: sent.Body}
		sent.Body = s.tee
	}
}

// The types that io.NopCloser returns, in which http.NewRequest wraps a body.
var (
	nopCloser         = reflect.TypeOf(io.NopCloser(nil))
	nopCloserWriterTo = reflect.TypeOf(io.NopCloser(struct{ *strings.Reader }{}))
)

// inMemory returns the reader in body if it is one whose bytes can be read without a copy of it and
// without moving it, or nil. net/http finds it in the same way.
func inMemory(body io.Reader) io.Reader {
	if t := reflect.TypeOf(body); t != nopCloser && t != nopCloserWriterTo {
		return nil
	}
	switch r := reflect.ValueOf(body).Field(0).Interface().(type) {
	case *strings.Reader:
		return r
	case *bytes.Reader:
		return r
	case *bytes.Buffer:
		return r
	}
	return nil
}

var buffers = sync.Pool{New: func() any { return new([maxRead]byte) }}

// tag sets db.statement to the body, redacted. It reports whether the span shows the whole body, as
// it was: then a failure that repeats a part of it shows nothing new.
func (s statement) tag(call *spanutil.Call, t *transport) (whole bool) {
	buf := buffers.Get().(*[maxRead]byte)
	defer buffers.Put(buf)
	n, ended := s.read(buf[:])
	if n == 0 {
		return ended
	}
	hooked := t.wrapper.Options.Statement != nil
	if n <= spanutil.MaxValue && !hooked {
		if text := t.shown.bodies.ShowBytes(buf[:n], asItIs); text != none {
			call.TagText(string(ext.DBStatement), text)
			return ended
		}
	}
	text := spanutil.Truncate(string(buf[:n])) // what was read before an error is recorded
	shown := redacted.Body(text)
	if hooked {
		call.Statement(shown)
	} else {
		call.TagText(string(ext.DBStatement), spanutil.NewText(shown))
	}
	return ended && n == len(text) && shown == text
}

var none = spanutil.NewText("")

// asItIs returns body if a span shows it as it is, and otherwise "".
func asItIs(body string) string {
	if utf8.ValidString(body) && redacted.Body(body) == body {
		return body
	}
	return ""
}

// read reads the beginning of the body into buf. ended reports whether that is all of it. n is 0 if
// the body cannot be read.
func (s statement) read(buf []byte) (n int, ended bool) {
	defer func() { // GetBody is the caller's code
		if recover() != nil {
			n, ended = 0, false
		}
	}()
	switch {
	case s.memory != nil:
		return peek(s.memory, buf)
	case s.getBody != nil:
		body, err := s.getBody()
		if err != nil {
			return 0, false
		}
		defer body.Close()
		return s.decode(body, buf)
	case s.tee != nil:
		beginning, all := s.tee.beginning()
		n, ended = s.decode(bytes.NewReader(beginning), buf)
		return n, ended && all
	}
	return 0, true
}

// peek copies what r, a reader in memory, reads next. all reports whether that is the rest of it.
func peek(r io.Reader, buf []byte) (n int, all bool) {
	switch r := r.(type) {
	case *strings.Reader:
		n, _ = r.ReadAt(buf, r.Size()-int64(r.Len()))
		return n, n == r.Len()
	case *bytes.Reader:
		n, _ = r.ReadAt(buf, r.Size()-int64(r.Len()))
		return n, n == r.Len()
	case *bytes.Buffer:
		n = copy(buf, r.Bytes())
		return n, n == r.Len()
	}
	return 0, false
}

func (s statement) decode(body io.Reader, buf []byte) (n int, ended bool) {
	switch s.encoding {
	case "":
	case "gzip":
		plain, err := gzip.NewReader(body)
		if err != nil {
			return 0, false
		}
		body = plain
	default:
		return 0, false
	}
	// Not io.ReadFull, whose io.ErrUnexpectedEOF may also be that of a gzip stream that is cut off.
	var err error
	for n < len(buf) && err == nil {
		var more int
		more, err = body.Read(buf[n:])
		n += more
	}
	return n, err == io.EOF
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
