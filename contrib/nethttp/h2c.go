package nethttp

import (
	"net/http"
	"reflect"
	"strings"
)

// isPreface reports whether req is the preface of an HTTP/2 connection without TLS. net/http passes
// it to the handler like a request, so that an h2c handler can serve the connection.
func isPreface(req *http.Request) bool {
	return req.Method == "PRI" && len(req.Header) == 0 && req.URL != nil && req.URL.Path == "*" && req.Proto == "HTTP/2.0"
}

// h2cHandler returns the handler inside h if h was made by golang.org/x/net/http2/h2c, and a
// function that returns a copy of h with another handler inside. Otherwise it returns nil. It
// compares the type's name, since this package does not import golang.org/x/net.
func h2cHandler(h http.Handler) (withInner func(http.Handler) http.Handler, inner http.Handler) {
	v := reflect.ValueOf(h)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem().Name() != "h2cHandler" ||
		v.Type().Elem().PkgPath() != "golang.org/x/net/http2/h2c" {
		return nil, nil
	}
	field, ok := v.Type().Elem().FieldByName("Handler")
	if !ok || field.Type != reflect.TypeFor[http.Handler]() {
		return nil, nil
	}
	inner, _ = v.Elem().FieldByIndex(field.Index).Interface().(http.Handler)
	return func(inner http.Handler) http.Handler {
		wrapped := reflect.New(v.Type().Elem())
		wrapped.Elem().Set(v.Elem())
		wrapped.Elem().FieldByIndex(field.Index).Set(reflect.ValueOf(inner))
		return wrapped.Interface().(http.Handler)
	}, inner
}

// endIfH2C ends the span of a request that upgrades its connection to HTTP/2. Otherwise the span
// would last as long as the connection.
func (x *exchange) endIfH2C() {
	for _, protocols := range x.req.Header["Upgrade"] {
		for protocol := range strings.SplitSeq(protocols, ",") {
			if strings.EqualFold(strings.TrimSpace(protocol), "h2c") {
				x.status = http.StatusSwitchingProtocols
				x.call.Served()
				x.finish()
				return
			}
		}
	}
}
