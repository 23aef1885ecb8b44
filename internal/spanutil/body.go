package spanutil

import (
	"io"
	"maps"
	"net/http"
	"sync"
)

// WatchResponse returns what the caller of c gets for the library's resp: a copy whose body records
// its waits on c. The body finishes c at EOF, at an error, at Close, or else when it becomes
// garbage. If there is no body to wait for, WatchResponse finishes c and returns resp itself.
//
// If seen is not nil, it is called after each Read and Close, before c is finished. It gets the
// bytes read, and whether the body has ended. If the body becomes garbage, seen is called once
// more. seen must not reference the result of WatchResponse.
//
// The copy is needed because net/http's connection references its response until the body ends. If
// that response referenced our body, a body that is never closed would never become garbage.
//
//	caller ──> copy ──> our body ──> transport's body
//	                        └──────> resp <── connection
func WatchResponse(c *Call, resp *http.Response, seen func(p []byte, end bool)) *http.Response {
	if resp.Body == nil || resp.Body == http.NoBody {
		c.Finish(nil)
		return resp
	}
	if !c.Answered(Bytes) {
		return resp
	}
	b := &body{watchedReader: watchedReader{resp.Body, c, seen}, original: resp, copied: *resp}
	b.copied.Body = b
	if seen == nil {
		Watch(c, b)
	} else {
		watch(b, func(c *Call) { seen(nil, true); c.collected() }, c)
	}
	return &b.copied
}

// WatchBody ends the first wait of a call whose result is rc, and returns what the caller gets for
// rc. Its Read and Close are waits. It finishes c at EOF, at an error, at Close, or else when it
// becomes garbage. If rc is nil, WatchBody finishes c. For a served call, rc is the request: then
// the waits are those of [Call.Reads], and c goes on.
func WatchBody(c *Call, rc io.ReadCloser) io.ReadCloser {
	if c != nil && c.role.serves() {
		if c = c.Reads(Bytes); c == nil || rc == nil {
			return rc
		}
	} else if rc == nil || !c.Answered(Bytes) {
		c.Finish(nil)
		return rc
	}
	s := &stream{watchedReader{rc: rc, call: c}}
	Watch(c, s)
	return s
}

// stream is a result that is read. Its end finishes the call.
type stream struct{ watchedReader }

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.watchedReader.Read(p)
	if err != nil {
		s.call.Finish(nil)
	}
	return n, err
}

func (s *stream) Close() error {
	defer s.call.Finish(nil)
	return s.watchedReader.Close()
}

// WatchReader returns rc with the waits of its Read and Close, and their failures, recorded on c.
// It does not finish c.
func WatchReader(c *Call, rc io.ReadCloser) io.ReadCloser {
	if c == nil {
		return rc
	}
	return &watchedReader{rc: rc, call: c}
}

// watchedReader records the waits of Read and Close.
type watchedReader struct {
	rc   io.ReadCloser
	call *Call
	seen func(p []byte, end bool) // or nil
}

func (w *watchedReader) Read(p []byte) (n int, err error) {
	wait := w.call.Wait()
	defer wait.Unwound()
	n, err = w.rc.Read(p)
	wait.Done(n)
	if w.seen != nil {
		w.seen(p[:min(max(n, 0), len(p))], err != nil) // a faulty Read may return any n
	}
	if err != io.EOF {
		w.call.Fail(err)
	}
	return n, err
}

func (w *watchedReader) Close() error {
	wait := w.call.Wait()
	defer wait.Unwound()
	err := w.rc.Close()
	wait.Done(0)
	if w.seen != nil {
		w.seen(nil, true)
	}
	w.call.Fail(err)
	return err
}

// body is a response's body. Its end finishes the call.
type body struct {
	watchedReader
	ended    sync.Once
	original *http.Response // the library's; nil after EOF
	copied   http.Response  // the caller's, in the same allocation
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.watchedReader.Read(p)
	if err == io.EOF {
		b.ended.Do(b.copyTrailer) // once, since the caller may already use the trailers
	}
	if err != nil {
		b.call.Finish(nil)
	}
	return n, err
}

// copyTrailer copies the trailers to the caller's response. net/http sets them on its own response
// at EOF.
func (b *body) copyTrailer() {
	trailer := b.original.Trailer
	b.original = nil
	if b.copied.Trailer == nil {
		b.copied.Trailer = trailer
		return
	}
	maps.Copy(b.copied.Trailer, trailer)
}

func (b *body) Close() error {
	defer b.call.Finish(nil)
	return b.watchedReader.Close()
}
