package nethttp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// responseWriter records the status, and the waits of writing to the client. It has what every
// http.ResponseWriter may be asked for and can answer as one that lacks it would; what a handler
// tells by a type assertion alone, Flusher and Hijacker, is added by its shape.
type responseWriter struct {
	http.ResponseWriter
	call     *spanutil.Call
	status   int // 0 until the answer's status is known
	hijacked bool
	lost     bool // the connection, as a write has found
}

// The shapes of a responseWriter.
type (
	flushWriter       struct{ responseWriter }
	hijackWriter      struct{ responseWriter }
	flushHijackWriter struct{ responseWriter }
)

// wrapWriter returns what a handler is shown, which is a Flusher and a Hijacker exactly where w is
// one, and what was seen of its use.
func wrapWriter(w http.ResponseWriter, call *spanutil.Call) (http.ResponseWriter, *responseWriter) {
	_, canFlush := w.(http.Flusher)
	_, canHijack := w.(http.Hijacker)
	rw := responseWriter{ResponseWriter: w, call: call}
	switch {
	case canFlush && canHijack:
		shown := &flushHijackWriter{rw}
		return shown, &shown.responseWriter
	case canFlush:
		shown := &flushWriter{rw}
		return shown, &shown.responseWriter
	case canHijack:
		shown := &hijackWriter{rw}
		return shown, &shown.responseWriter
	default:
		return &rw, &rw
	}
}

func (w *flushWriter) Flush()                  { _ = w.flush() }
func (w *flushWriter) FlushError() error       { return w.flush() }
func (w *flushHijackWriter) Flush()            { _ = w.flush() }
func (w *flushHijackWriter) FlushError() error { return w.flush() }

func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error)      { return w.hijack() }
func (w *flushHijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

// WriteHeader implements http.ResponseWriter. Informational answers come before the answer and are
// not it; 101 is the last that HTTP says.
func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 && !w.hijacked && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.call.Enter()
	defer w.call.Leave(0)
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (n int, err error) {
	w.wrote()
	w.call.Enter()
	defer func() { w.sent(n, err) }()
	return w.ResponseWriter.Write(p)
}

// WriteString implements io.StringWriter, which spares io.WriteString a copy.
func (w *responseWriter) WriteString(s string) (n int, err error) {
	w.wrote()
	w.call.Enter()
	defer func() { w.sent(n, err) }()
	return io.WriteString(w.ResponseWriter, s)
}

// sent ends a wait for the client. That the client is gone shows on the span of the waits.
func (w *responseWriter) sent(n int, err error) {
	w.call.Leave(n)
	w.call.Fail(err)
	w.lost = w.lost || err != nil && !slices.ContainsFunc(handlersFault, func(own error) bool { return errors.Is(err, own) })
}

// handlersFault are the errors of writing that say nothing of the client.
var handlersFault = []error{
	http.ErrBodyNotAllowed, http.ErrContentLength, http.ErrHandlerTimeout, http.ErrHijacked, errors.ErrUnsupported,
}

// complete reports whether the handler has written all that it announced.
func (w *responseWriter) complete() bool {
	length, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	return err == nil && w.call.Amount() >= length
}

func (w *responseWriter) wrote() {
	if w.status == 0 && !w.hijacked {
		w.status = http.StatusOK
	}
}

// ReadFrom implements io.ReaderFrom. A file or a connection goes to the inner writer, which may have the
// kernel send it. Any other source is read here: reading it is the handler's time, writing is the wait.
func (w *responseWriter) ReadFrom(src io.Reader) (n int64, err error) {
	inner, ok := w.ResponseWriter.(io.ReaderFrom)
	if !ok || !isDescriptor(src) {
		buf := copyBuffers.Get().(*[32 << 10]byte)
		defer copyBuffers.Put(buf)
		return io.CopyBuffer(struct{ io.Writer }{w}, src, buf[:])
	}
	w.wrote()
	w.call.Enter()
	defer func() {
		lost := w.lost
		w.sent(int(n), err)
		w.lost = lost || w.lost && !isConn(src) // or it was the source that was lost
	}()
	return inner.ReadFrom(src)
}

// copyBuffers are of the size that net/http takes for the same purpose.
var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// isDescriptor reports whether reading src is the kernel's work and not the handler's. It asks as
// package net does before it lets the kernel copy: what io.Copy hands over of a file is no *os.File.
func isDescriptor(src io.Reader) bool {
	_, ok := unlimited(src).(syscall.Conn)
	return ok
}

func isConn(src io.Reader) bool {
	_, ok := unlimited(src).(net.Conn)
	return ok
}

func unlimited(src io.Reader) io.Reader {
	if limited, ok := src.(*io.LimitedReader); ok {
		return limited.R
	}
	return src
}

// Push implements http.Pusher, with the error that stands for a connection that cannot push.
func (w *responseWriter) Push(target string, opts *http.PushOptions) error {
	if inner, ok := w.ResponseWriter.(http.Pusher); ok {
		return inner.Push(target, opts)
	}
	return http.ErrNotSupported
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// flush is FlushError, which http.ResponseController asks for before Flush.
func (w *responseWriter) flush() (err error) {
	w.wrote()
	w.call.Enter()
	defer func() { w.sent(0, err) }()
	if inner, ok := w.ResponseWriter.(interface{ FlushError() error }); ok {
		return inner.FlushError()
	}
	w.ResponseWriter.(http.Flusher).Flush()
	return nil
}

// hijack hands the connection over. What the handler does with it is not seen; what it still does with w, nobody is sent.
func (w *responseWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.ResponseWriter.(http.Hijacker).Hijack()
	w.hijacked = w.hijacked || err == nil
	return conn, buf, err
}
