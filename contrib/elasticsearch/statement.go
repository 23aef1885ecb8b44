package elasticsearch

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// enough of a body that the cut, and its mark, come out as if all of it had been read.
const enough = spanutil.MaxValue + utf8.UTFMax + 1

// again is the beginning of req's body, where it can be had a second time: cut at 4 KiB, empty where there is none, or none
// to be read. ok is false where it can only be seen while it is sent. What is sent, and how, stays the same.
func again(req *http.Request) (text string, ok bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return "", true
	}
	if req.GetBody == nil {
		return "", false
	}
	ok = true
	defer func() { _ = recover() }() // GetBody is the caller's, and the library may never call it
	body, err := req.GetBody()
	if err != nil {
		return "", ok
	}
	defer body.Close()
	return plain(req.Header.Get("Content-Encoding"), body), ok
}

var buffers = sync.Pool{New: func() any { return new([enough]byte) }}

// plain is the beginning of a body that its caller has encoded so; the library compresses later.
func plain(encoding string, body io.Reader) string {
	switch encoding {
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
	return spanutil.Cut(string(buf[:n]))
}

// tee remembers the beginning of what is read through it.
type tee struct {
	io.ReadCloser
	encoding string

	mu   sync.Mutex // net/http may go on sending a body after the answer has come
	head []byte
}

// lookOn looks on while the body of req is read.
func lookOn(req *http.Request) *tee {
	t := &tee{ReadCloser: req.Body, encoding: req.Header.Get("Content-Encoding")}
	req.Body = t
	return t
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

// text is what again would have answered, of what was read. A nil tee has none.
func (t *tee) text() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	head := t.head
	t.mu.Unlock()
	return plain(t.encoding, bytes.NewReader(head))
}
