package nethttp

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"reflect"
	"syscall"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// responseWriter records what a handler does with the server's writer, inner. It has the methods of
// an http.ResponseWriter. Its shape adds the optional methods of inner: see writershapes.go.
//
//	handler → shape → responseWriter → recorder → inner   before the header is written
//	handler → shape → responseWriter ───────────→ inner   WriteHeader, later
//
// net/http logs the caller of a superfluous WriteHeader, or of a write to a hijacked connection.
// The log must name the handler, but not a method of ours. So WriteHeader and Write are promoted
// from a recorder, or from inner when there is nothing more to record: promoted methods do not
// appear on the stack. They are embedded as pointers, since goroutines of a handler may write at
// the same time, and a pointer changes in one step.
type responseWriter struct {
	*headerTo
	*bodyTo
	inner http.ResponseWriter
	x     *exchange

	recordedHeader, innerHeader headerTo
	recordedBody                bodyTo
}

// textWriter is a responseWriter that also has WriteString.
type textWriter struct {
	responseWriter
	*textTo
	recordedText textTo
}

type (
	headerTo struct{ headerWriter }
	bodyTo   struct{ io.Writer }
	textTo   struct{ io.StringWriter }
)

type headerWriter interface{ WriteHeader(status int) }

// wrap makes w wrap inner, and returns w in the shape that has the optional methods of inner.
func (x *exchange) wrap(w *textWriter, inner http.ResponseWriter) http.ResponseWriter {
	r := recorder{&w.responseWriter}
	w.inner, w.x = inner, x
	w.recordedHeader, w.innerHeader, w.recordedBody, w.recordedText = headerTo{r}, headerTo{inner}, bodyTo{r}, textTo{r}
	w.headerTo, w.bodyTo, w.textTo = &w.recordedHeader, &w.recordedBody, &w.recordedText
	return shaped(w, abilitiesOf(inner))
}

func (w *responseWriter) Header() http.Header { return w.inner.Header() }

// unwrapOurs returns inner. Only our type has this method.
func (w *responseWriter) unwrapOurs() http.ResponseWriter { return w.inner }

type recorder struct{ w *responseWriter }

// WriteHeader implements http.ResponseWriter. An informational status is not the response's, except
// 101 over HTTP/1, which is final. An invalid status makes net/http panic, and is not recorded.
func (r recorder) WriteHeader(status int) {
	x := r.w.x
	if status >= 400 {
		x.body.refused(r.w.inner)
	}
	x.writes.Enter()
	defer x.writes.Leave(0)
	r.w.inner.WriteHeader(status)
	if status >= 200 || status == http.StatusSwitchingProtocols && x.req.ProtoMajor < 2 {
		r.w.setStatus(status)
	}
}

func (r recorder) Write(p []byte) (n int, err error) {
	r.w.setStatus(http.StatusOK)
	r.w.x.writes.Enter()
	defer func() { r.w.x.endWrite(int64(n), err) }()
	return r.w.inner.Write(p)
}

func (r recorder) WriteString(s string) (n int, err error) {
	r.w.setStatus(http.StatusOK)
	r.w.x.writes.Enter()
	defer func() { r.w.x.endWrite(int64(n), err) }()
	return r.w.inner.(io.StringWriter).WriteString(s)
}

// setStatus sets the response's status, unless it has one already. The header is written then.
func (w *responseWriter) setStatus(status int) {
	if w.x.hijacked {
		return
	}
	if w.x.status == 0 {
		w.x.status = status
		w.x.tagResponseHeaders()
	}
	given := &w.x.writer // the handler's: w, or a writer whose Unwrap has returned w
	given.headerTo = &given.innerHeader
}

// readFrom lets inner copy: it knows when to flush, and may have the kernel send a file. Unless src
// is a file or connection, to read it is the handler's work, and only the writes are waits.
func (w *responseWriter) readFrom(src io.Reader) (n int64, err error) {
	source := &source{src, w.x.writes, false}
	if !isDescriptor(src) {
		src = source
	}
	w.x.writes.Enter()
	defer func() {
		ofSource := source.failed || isConn(src) // if src is a connection, either side may have failed
		if n > 0 || err != nil && !ofSource {    // inner has begun to write
			w.setStatus(http.StatusOK)
		}
		if ofSource {
			w.x.writes.Leave(n)
		} else {
			w.x.endWrite(n, err)
		}
	}()
	return w.inner.(io.ReaderFrom).ReadFrom(src)
}

// source ends the wait for the client before each Read, and begins the next one after it.
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

// isDescriptor reports whether src is a file or a connection, which the kernel may copy by itself.
// A pipe does not count, since the program may fill it itself. The check is that of package net,
// since io.Copy does not pass an *os.File on as it is.
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

func (w *responseWriter) flush() {
	// In net/http's own writers, FlushError is Flush that also returns an error.
	if inner, ok := w.inner.(flushErrorer); ok && ofNetHTTP(w.inner) {
		_ = w.flushBy(inner.FlushError)
		return
	}
	_ = w.flushBy(func() error { w.inner.(http.Flusher).Flush(); return nil })
}

func (w *responseWriter) flushError() error { return w.flushBy(w.inner.(flushErrorer).FlushError) }

func (w *responseWriter) flushBy(flush func() error) (err error) {
	w.x.writes.Enter()
	defer func() { w.x.endWrite(0, err) }()
	err = flush()
	if !errors.Is(err, errors.ErrUnsupported) {
		w.setStatus(http.StatusOK)
	}
	return err
}

// ofNetHTTP reports whether the type of w is declared in net/http.
func ofNetHTTP(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == "net/http"
}

// hijack hands the connection over to the handler. Its traffic is not recorded. After that, w sends
// nothing, and its use is not recorded.
func (w *responseWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.inner.(http.Hijacker).Hijack()
	if err == nil {
		w.x.hijacked = true
		w.headerTo, w.bodyTo = &w.innerHeader, &bodyTo{w.inner}
		w.x.endIfH2C()
	}
	return conn, buf, err
}

func (w *textWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.responseWriter.hijack()
	if err == nil {
		w.textTo = &textTo{w.inner.(io.StringWriter)}
	}
	return conn, buf, err
}

func (w *responseWriter) closeNotify() <-chan bool { return w.inner.(closeNotifier).CloseNotify() }

func (w *responseWriter) push(target string, opts *http.PushOptions) error {
	return w.inner.(http.Pusher).Push(target, opts)
}

// unwrap returns inner, for http.ResponseController and for code that looks for its own writer. If
// inner lacks Flush or Hijack, the caller unwraps further to find them, and their use would not be
// recorded. In that case, unwrap skips inner, and returns a wrapper of the writer inside it.
func (w *responseWriter) unwrap() http.ResponseWriter {
	const recorded = canFlush | canHijack
	outer, ok := w.inner.(unwrapper)
	if !ok || abilitiesOf(w.inner)&recorded == recorded {
		return w.inner
	}
	inside := outer.Unwrap()
	if inside == nil {
		return nil
	}
	return w.x.wrap(new(textWriter), inside)
}
