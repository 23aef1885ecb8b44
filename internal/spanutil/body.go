package spanutil

import (
	"io"
	"net/http"
)

// Body is a response's body, rc, with its waits recorded on c: the library has just answered.
// It finishes c at EOF, at an error, at Close or, failing all of these, when it is garbage. Where there is
// nothing to wait for it finishes c at once and returns rc itself, which may be nil.
func Body(c *Call, rc io.ReadCloser) io.ReadCloser { return BodySeen(c, rc, nil) }

// BodySeen is Body for a wrapper that looks on: seen is given what each Read came back with, and whether the body
// ends there, before c is finished and when the wait is over. A body that became garbage ended there too. seen must not
// lead to what BodySeen returns. A nil seen is none.
func BodySeen(c *Call, rc io.ReadCloser, seen func(p []byte, end bool)) io.ReadCloser {
	if rc == nil || rc == http.NoBody {
		c.Finish(nil)
		return rc
	}
	if !c.Answered("bytes") {
		return rc
	}
	b := &body{waiting{rc, c, seen}}
	if seen == nil {
		Watch(c, b)
	} else {
		watch(b, func(c *Call) { seen(nil, true); c.abandon() }, c)
	}
	return b
}

// Waits is rc with the waits of its Read and Close, and their failures, recorded on c. It does not
// finish c.
func Waits(c *Call, rc io.ReadCloser) io.ReadCloser {
	if c == nil {
		return rc
	}
	return &waiting{rc: rc, call: c}
}

type waiting struct {
	rc   io.ReadCloser
	call *Call
	seen func(p []byte, end bool)
}

func (w *waiting) Read(p []byte) (n int, err error) {
	returned := false
	defer w.call.Unwound(&returned)
	w.call.Enter()
	n, err = w.rc.Read(p)
	w.call.Leave(n)
	returned = true
	if w.seen != nil {
		w.seen(p[:min(max(n, 0), len(p))], err != nil) // a stranger's Read may say anything
	}
	if err != io.EOF {
		w.call.Fail(err)
	}
	return n, err
}

func (w *waiting) Close() error {
	returned := false
	defer w.call.Unwound(&returned)
	w.call.Enter()
	err := w.rc.Close()
	w.call.Leave(0)
	returned = true
	if w.seen != nil {
		w.seen(nil, true)
	}
	w.call.Fail(err)
	return err
}

// body is a response's, whose end is its call's.
type body struct{ waiting }

func (b *body) Read(p []byte) (int, error) {
	n, err := b.waiting.Read(p)
	if err != nil {
		b.call.Finish(nil)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.call.Finish(nil)
	return b.waiting.Close()
}
