package nethttp

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"syscall"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// exchange is what is recorded of a request and its response.
type exchange struct {
	req            *http.Request  // as the server gave it
	call           *spanutil.Call // the server's span
	reads, writes  *spanutil.Call // the handler's waits
	body           *requestBody   // nil if there is none
	status         int            // 0 until the response's status is known
	hijacked, lost bool           // lost: a write failed since the connection is gone
	first          textWriter
}

// responseWriter records what a handler does with the server's writer, inner. It has the methods of
// an http.ResponseWriter; its shape adds those that inner has beyond them.
//
// WriteHeader and Write are promoted from a recorder as long as there is something to record, then
// from inner itself. net/http logs the caller of a superfluous WriteHeader, or of a write to a
// hijacked connection, and then that caller is the handler. The two are embedded as pointers, since
// a pointer cannot be torn if a handler calls its writer from several goroutines.
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

// show makes w a wrapper of inner and returns it in the shape for a handler: with the optional
// methods of inner.
func (x *exchange) show(w *textWriter, inner http.ResponseWriter) http.ResponseWriter {
	r := recorder{&w.responseWriter}
	w.inner, w.x = inner, x
	w.recordedHeader, w.innerHeader, w.recordedBody, w.recordedText = headerTo{r}, headerTo{inner}, bodyTo{r}, textTo{r}
	w.headerTo, w.bodyTo, w.textTo = &w.recordedHeader, &w.recordedBody, &w.recordedText
	return shaped(w, abilitiesOf(inner))
}

func (w *responseWriter) Header() http.Header { return w.inner.Header() }

func (w *responseWriter) within() http.ResponseWriter { return w.inner }

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
		r.w.wrote(status)
	}
}

func (r recorder) Write(p []byte) (n int, err error) {
	r.w.wrote(http.StatusOK)
	r.w.x.writes.Enter()
	defer func() { r.w.x.sent(n, err) }()
	return r.w.inner.Write(p)
}

func (r recorder) WriteString(s string) (n int, err error) {
	r.w.wrote(http.StatusOK)
	r.w.x.writes.Enter()
	defer func() { r.w.x.sent(n, err) }()
	return r.w.inner.(io.StringWriter).WriteString(s)
}

// wrote sets the response's status, unless it has one already.
func (w *responseWriter) wrote(status int) {
	if w.x.hijacked {
		return
	}
	if w.x.status == 0 {
		w.x.status = status
	}
	first := &w.x.first // w itself, or the writer that was unwrapped to reach w
	first.headerTo = &first.innerHeader
}

// sent ends a wait for the client. That the client is gone shows on the span of the waits.
func (x *exchange) sent(n int, err error) {
	x.writes.Leave(n)
	x.writes.Fail(err)
	x.lost = x.lost || err != nil && !slices.ContainsFunc(handlersFault, func(own error) bool { return errors.Is(err, own) })
}

// handlersFault are the errors of writing that say nothing of the client.
var handlersFault = []error{
	http.ErrBodyNotAllowed, http.ErrContentLength, http.ErrHandlerTimeout, http.ErrHijacked, errors.ErrUnsupported,
}

// complete reports whether the handler has written all that it announced.
func (x *exchange) complete() bool {
	if x.status != 0 && bodiless(x.req.Method, x.status) {
		return true
	}
	length, err := strconv.ParseInt(x.first.inner.Header().Get("Content-Length"), 10, 64)
	return err == nil && x.writes.Amount() >= length
}

// readFrom lets the inner writer copy: it may have the kernel send a file, and it knows when to
// flush. For any source other than a file or connection, reading is the handler's work and only
// writing is a wait.
func (w *responseWriter) readFrom(src io.Reader) (n int64, err error) {
	source := &source{src, w.x.writes, false}
	if !isDescriptor(src) {
		src = source
	}
	w.x.writes.Enter()
	defer func() {
		w.x.writes.Add(n)                        // an int64: Leave takes an int, which may have 32 bits
		ofSource := source.failed || isConn(src) // with a connection, the error may come from either side
		if n > 0 || err != nil && !ofSource {    // the inner writer has begun to write
			w.wrote(http.StatusOK)
		}
		if ofSource {
			w.x.writes.Leave(0)
			return
		}
		w.x.sent(0, err)
	}()
	return w.inner.(io.ReaderFrom).ReadFrom(src)
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

func (w *responseWriter) flush() {
	if inner, ok := w.inner.(flushErrorer); ok && ofNetHTTP(w.inner) { // like Flush, with an error if the client is gone
		_ = w.flushed(inner.FlushError)
		return
	}
	_ = w.flushed(func() error { w.inner.(http.Flusher).Flush(); return nil })
}

func (w *responseWriter) flushError() error { return w.flushed(w.inner.(flushErrorer).FlushError) }

func (w *responseWriter) flushed(flush func() error) (err error) {
	w.x.writes.Enter()
	defer func() { w.x.sent(0, err) }()
	err = flush()
	if !errors.Is(err, errors.ErrUnsupported) {
		w.wrote(http.StatusOK)
	}
	return err
}

// ofNetHTTP reports whether w's type is declared in net/http.
func ofNetHTTP(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == "net/http"
}

// hijack hands the connection over. What the handler does with it is not seen; what it still does with w, nobody is sent.
func (w *responseWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.inner.(http.Hijacker).Hijack()
	if err == nil {
		w.x.hijacked = true
		w.headerTo, w.bodyTo = &w.innerHeader, &bodyTo{w.inner}
		w.x.upgraded()
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
// inner lacks Flush or Hijack, the caller will unwrap further and call them unrecorded. So unwrap
// then skips inner, and returns the writer inside it, wrapped.
func (w *responseWriter) unwrap() http.ResponseWriter {
	const seen = canFlush | canHijack
	outer, ok := w.inner.(unwrapper)
	if !ok || abilitiesOf(w.inner)&seen == seen {
		return w.inner
	}
	within := outer.Unwrap()
	if within == nil {
		return nil
	}
	return w.x.show(new(textWriter), within)
}
