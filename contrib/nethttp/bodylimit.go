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
// The limit counts as exceeded if its last Read filled a buffer that it had shortened, without
// reaching the end, and the handler then answers 400 or above, through no other writer than ours.

var (
	// limit is the type of an http.MaxBytesReader. Its fields are read by name.
	limit = reflect.TypeOf(http.MaxBytesReader(nil, nil, 0))

	ours = reflect.TypeFor[handler]().PkgPath() + "."
)

// filled checks for a limit after a Read that filled p. Finding out who reads costs more than a
// short Read, so filled gives up after some Reads by others.
func (b *requestBody) filled(p []byte, err error) {
	if b.unlimited.Load() >= 16 {
		return
	}
	var caller [1]uintptr
	runtime.Callers(3, caller[:])
	if runtime.FuncForPC(caller[0]-1).Name() != "net/http.(*maxBytesReader).Read" {
		b.unlimited.Add(1)
		b.refusable.Store(false)
		return
	}
	known := b.exceeded(int64(len(p)))
	b.refusable.Store(!known && err == nil && len(p) < cap(p))
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
	for w.Kind() == reflect.Struct && w.NumField() > 0 { // a shape: see writershapes.go
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

// tooLarge tells the server's writer that the body is too large, by exceeding the limit of a
// MaxBytesReader made for this.
func tooLarge(w http.ResponseWriter) {
	for {
		outer, ok := w.(interface{ within() http.ResponseWriter }) // of a WrapHandler outside
		if !ok {
			break
		}
		w = outer.within()
	}
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
			if !strings.HasPrefix(in, "net/http.") && !strings.HasPrefix(in, ours) {
				return true
			}
		case "ServeHTTP":
			if !more || in == ours+"(*handler)" {
				return false
			}
		}
		if !more {
			return false
		}
	}
}
