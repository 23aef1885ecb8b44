package nethttp

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// responseWriter records the status, and the waits of writing to the client. It has what every
// http.ResponseWriter may be asked for and can answer as one that lacks it would; what a handler
// tells by a type assertion alone, Flusher and Hijacker, is added by its shape.
type responseWriter struct {
	http.ResponseWriter
	req      *http.Request
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
func wrapWriter(w http.ResponseWriter, req *http.Request, call *spanutil.Call) (http.ResponseWriter, *responseWriter) {
	_, canFlush := w.(http.Flusher)
	_, canHijack := w.(http.Hijacker)
	rw := responseWriter{ResponseWriter: w, req: req, call: call}
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

func (w *flushWriter) Flush()       { _ = w.FlushError() }
func (w *flushHijackWriter) Flush() { _ = w.FlushError() }

func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error)      { return w.hijack() }
func (w *flushHijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

// WriteHeader implements http.ResponseWriter. Informational answers come before the answer and are
// not it; 101 is the last that HTTP/1 says. One that is no status makes net/http panic, and is none here either.
func (w *responseWriter) WriteHeader(status int) {
	w.call.Enter()
	defer w.call.Leave(0)
	w.ResponseWriter.WriteHeader(status)
	last := status >= 200 || status == http.StatusSwitchingProtocols && w.req.ProtoMajor < 2
	if w.status == 0 && !w.hijacked && last {
		w.status = status
	}
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
	if w.status != 0 && bodiless(w.req.Method, w.status) {
		return true
	}
	length, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	return err == nil && w.call.Amount() >= length
}

func (w *responseWriter) wrote() {
	if w.status == 0 && !w.hijacked {
		w.status = http.StatusOK
	}
}

// ReadFrom implements io.ReaderFrom, by the inner writer where it can: that one may have the kernel send a file, and
// knows when to flush. Reading any other source is the handler's time, and writing alone is the wait.
func (w *responseWriter) ReadFrom(src io.Reader) (n int64, err error) {
	inner, ok := w.ResponseWriter.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{w}, src)
	}
	source := &source{src, w.call, false}
	if !isDescriptor(src) {
		src = source
	}
	w.call.Enter()
	defer func() {
		if n > 0 {
			w.wrote()
		}
		w.call.Add(n)                     // which may be too much for an int
		if source.failed || isConn(src) { // a connection's error may be of either
			w.call.Leave(0)
			return
		}
		w.sent(0, err)
	}()
	return inner.ReadFrom(src)
}

// source is what a handler has copied to its client.
type source struct {
	io.Reader
	call   *spanutil.Call
	failed bool
}

func (s *source) Read(p []byte) (int, error) {
	s.call.Leave(0)
	n, err := s.Reader.Read(p)
	s.call.Enter()
	s.failed = err != nil && err != io.EOF
	return n, err
}

// isDescriptor reports whether reading src is the kernel's work and not the handler's: it is a file or a connection. It
// asks as package net does before it lets the kernel copy, since what io.Copy hands over of a file is no *os.File. A
// pipe may be filled by the program itself.
func isDescriptor(src io.Reader) bool {
	src = unlimited(src)
	if file, ok := src.(interface{ Stat() (fs.FileInfo, error) }); ok {
		info, err := file.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	_, ok := src.(syscall.Conn)
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

// FlushError is what http.ResponseController asks for before Flush. It reaches as far as a controller of the inner writer.
func (w *responseWriter) FlushError() (err error) {
	w.call.Enter()
	defer func() { w.sent(0, err) }()
	err = http.NewResponseController(w.ResponseWriter).Flush()
	if !errors.Is(err, errors.ErrUnsupported) {
		w.wrote()
	}
	return err
}

// hijack hands the connection over. What the handler does with it is not seen; what it still does with w, nobody is sent.
func (w *responseWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.ResponseWriter.(http.Hijacker).Hijack()
	w.hijacked = w.hijacked || err == nil
	return conn, buf, err
}
