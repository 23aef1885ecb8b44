package nethttp

import (
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
)

// An http.MaxBytesReader that meets its limit tells the server's writer, by a method that net/http does not export, to
// respond at once and to close the connection. A wrapped writer cannot have that method, so the body that is limited
// looks at who reads it, and tells the server's writer for a limit that was given the wrapped one.
//
// The limit is read where the handler put it into the request it was given. One in a copy of the request, such as that of
// http.MaxBytesHandler, is out of reach. It shows by what follows: its last Read filled the buffer and did not come to
// the end, and the handler refuses the request, without another writer in between that would hide the server's.

// limit is the type of an http.MaxBytesReader, whose fields are read by their names.
var limit = reflect.TypeOf(http.MaxBytesReader(nil, nil, 0))

// filled looks for a limit after its Read, which returned as many bytes as were asked for.
func (b *requestBody) filled(n int, err error) {
	var caller [1]uintptr
	runtime.Callers(3, caller[:])
	limited := runtime.FuncForPC(caller[0]-1).Name() == "net/http.(*maxBytesReader).Read"
	b.refusable.Store(limited && err == nil && !b.exceeded(int64(n)))
}

// exceeded reports whether the limit that read n bytes is known, and tells the server if these are too many.
func (b *requestBody) exceeded(n int64) (known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.served == nil {
		return true
	}
	tell := false
	for body := reflect.ValueOf(b.served.Body); body.IsValid() && body.Type() == limit; {
		w, r, left := body.Elem().FieldByName("w"), body.Elem().FieldByName("r"), body.Elem().FieldByName("n")
		if w.Kind() != reflect.Interface || r.Kind() != reflect.Interface || !left.CanInt() {
			return false // of a release of net/http to come
		}
		tell = tell || n > left.Int() && b.x.shown(w.Elem())
		body = r.Elem()
		known = body.Kind() == reflect.Pointer && body.Pointer() == reflect.ValueOf(b).Pointer()
	}
	if known && tell {
		tooLarge(b.x.first.inner)
	}
	return known
}

// shown reports whether w is what the handler was shown.
func (x *exchange) shown(w reflect.Value) bool {
	for w.Kind() == reflect.Struct && w.NumField() > 0 { // a shape
		w = w.Field(0)
	}
	return w.Kind() == reflect.Pointer && w.Pointer() == reflect.ValueOf(&x.first).Pointer()
}

// refused tells the server that the body was too large if it seems so, as its handler refuses the request.
func (b *requestBody) refused(inner http.ResponseWriter) {
	if b != nil && b.refusable.Load() && !throughAnother() {
		tooLarge(inner)
	}
}

// tooLarge has w told that the body is too large by somebody it listens to.
func tooLarge(w http.ResponseWriter) {
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

// throughAnother reports whether the handler writes through somebody else's writer.
func throughAnother() bool {
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
			if !strings.HasPrefix(in, "net/http.") {
				return true
			}
		case "ServeHTTP":
			if !more || strings.HasSuffix(in, "/contrib/nethttp.(*handler)") {
				return false
			}
		}
		if !more {
			return false
		}
	}
}
