package nethttp

import (
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
)

// An http.MaxBytesReader that meets its limit calls an unexported method of the server's writer,
// which makes the server respond at once and close the connection. A wrapped writer cannot have
// that method. So the wrapped body checks who reads it, and calls the server's writer on behalf of
// a MaxBytesReader that has the wrapped one.
//
// If the handler put the MaxBytesReader into the request that it was given, the limit is read from
// its fields. One in a copy of the request, such as that of http.MaxBytesHandler, cannot be found.
// The limit counts as exceeded if its last Read filled the buffer without reaching the end, and the
// handler then answers 400 or above, through no other writer than ours.

// limit is the type of an http.MaxBytesReader. Its fields are read by name.
var limit = reflect.TypeOf(http.MaxBytesReader(nil, nil, 0))

// filled checks for a limit after a Read that returned as many bytes as it was asked for.
func (b *requestBody) filled(n int, err error) {
	var caller [1]uintptr
	runtime.Callers(3, caller[:])
	limited := runtime.FuncForPC(caller[0]-1).Name() == "net/http.(*maxBytesReader).Read"
	b.refusable.Store(limited && err == nil && !b.exceeded(int64(n)))
}

// exceeded reports whether the limit that has just read n bytes is found in the request. If the
// bytes exceed it, exceeded tells the server.
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
			return false // a later release of net/http has other fields
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

// shown reports whether w is the writer that the handler was given.
func (x *exchange) shown(w reflect.Value) bool {
	for w.Kind() == reflect.Struct && w.NumField() > 0 { // a shape: see shape.go
		w = w.Field(0)
	}
	return w.Kind() == reflect.Pointer && w.Pointer() == reflect.ValueOf(&x.first).Pointer()
}

// refused tells the server that the body was too large, if a limit may have been exceeded. The
// handler has just refused the request.
func (b *requestBody) refused(inner http.ResponseWriter) {
	if b != nil && b.refusable.Load() && !throughAnother() {
		tooLarge(inner)
	}
}

// tooLarge tells w that the body is too large, by exceeding the limit of a MaxBytesReader made for
// this.
func tooLarge(w http.ResponseWriter) {
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

// throughAnother reports whether the handler writes through a writer that is neither ours nor
// net/http's.
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
