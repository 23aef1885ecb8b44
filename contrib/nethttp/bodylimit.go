package nethttp

import (
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
)

// If its limit is exceeded, an http.MaxBytesReader calls an unexported method of the server's
// writer. The server then responds at once and closes the connection. A wrapper of the writer
// cannot have that method, so the wrapper of the body checks the limit:
//
//	handler → MaxBytesReader → requestBody → the server's body
//	                           └─ limit exceeded? tells the server's writer
//
// If the handler assigns a MaxBytesReader to the Body of the request that it was given, the limit
// is read from the reader's fields. A MaxBytesReader in a copy of the request, such as that of
// http.MaxBytesHandler, cannot be found. Its limit counts as exceeded under two conditions: its
// last Read filled a buffer that it had shortened, without reaching EOF; and the handler then
// answers 400 or above, through our writer.

var (
	// maxBytesReader is the type of an http.MaxBytesReader. Its fields are read by name.
	maxBytesReader = reflect.TypeOf(http.MaxBytesReader(nil, nil, 0))

	ourPackage = reflect.TypeFor[handler]().PkgPath() + "."
)

// checkLimit checks whether a Read that filled p exceeds a limit. To find out who called Read costs
// more than a short Read, so checkLimit gives up after 16 calls that were not a MaxBytesReader's.
func (b *requestBody) checkLimit(p []byte, err error) {
	if b.othersFilled.Load() >= 16 {
		return
	}
	var caller [1]uintptr
	runtime.Callers(3, caller[:])
	if runtime.FuncForPC(caller[0]-1).Name() != "net/http.(*maxBytesReader).Read" {
		b.othersFilled.Add(1)
		b.mayExceed.Store(false)
		return
	}
	known := b.checkKnownLimit(int64(len(p)))
	b.mayExceed.Store(!known && err == nil && len(p) < cap(p))
}

// checkKnownLimit reports whether the MaxBytesReader that has just read n bytes is in the request
// that the handler was given. If they exceed its limit, checkKnownLimit tells the server.
func (b *requestBody) checkKnownLimit(n int64) (known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.served == nil {
		return true
	}
	exceeded := false
	for body := reflect.ValueOf(b.served.Body); body.IsValid() && body.Type() == maxBytesReader; {
		w, r, left := body.Elem().FieldByName("w"), body.Elem().FieldByName("r"), body.Elem().FieldByName("n")
		if w.Kind() != reflect.Interface || r.Kind() != reflect.Interface || !left.CanInt() {
			return false // a later release of net/http has other fields
		}
		exceeded = exceeded || n > left.Int() && b.x.isHandlers(w.Elem())
		body = r.Elem()
		known = body.Kind() == reflect.Pointer && body.Pointer() == reflect.ValueOf(b).Pointer()
	}
	if known && exceeded {
		reportTooLarge(b.x.writer.inner)
	}
	return known
}

// isHandlers reports whether w is the writer that the handler was given.
func (x *exchange) isHandlers(w reflect.Value) bool {
	for w.Kind() == reflect.Struct && w.NumField() > 0 { // a shape: see writershapes.go
		w = w.Field(0)
	}
	return w.Kind() == reflect.Pointer && w.Pointer() == reflect.ValueOf(&x.writer).Pointer()
}

// refused tells the server that the body is too large, if a limit may have been exceeded. It is
// called when the handler answers 400 or above.
func (b *requestBody) refused(inner http.ResponseWriter) {
	if b != nil && b.mayExceed.Load() && !throughOtherWriter() {
		reportTooLarge(inner)
	}
}

// reportTooLarge tells the server that the body is too large: it exceeds the limit of a new
// MaxBytesReader that has the server's writer.
func reportTooLarge(w http.ResponseWriter) {
	for {
		outer, ok := w.(interface{ unwrapOurs() http.ResponseWriter }) // the writer of a WrapHandler outside
		if !ok {
			break
		}
		w = outer.unwrapOurs()
	}
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

// throughOtherWriter reports whether the handler answers through a writer that is neither ours nor
// net/http's: the stack then has a method of such a writer.
func throughOtherWriter() bool {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs[:])])
	for {
		frame, more := frames.Next()
		in, method := "", frame.Function
		if dot := strings.LastIndexByte(frame.Function, '.'); dot >= 0 {
			in, method = frame.Function[:dot], frame.Function[dot+1:]
		}
		switch method {
		case "WriteHeader", "Write", "WriteString", "ReadFrom", "Flush", "FlushError", "Close", "WriteHeaderNow":
			if !strings.HasPrefix(in, "net/http.") && !strings.HasPrefix(in, ourPackage) {
				return true
			}
		case "ServeHTTP":
			if !more || in == ourPackage+"(*handler)" {
				return false
			}
		}
		if !more {
			return false
		}
	}
}
