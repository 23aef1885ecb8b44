package nethttp

import (
	"crypto/tls"
	"net/http"
	"net/http/httptrace"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/log"
)

// withPhases returns req with httptrace hooks that log the phases of the call on its span.
func withPhases(req *http.Request, call *spanutil.Call) *http.Request {
	trace := spanutil.DialTrace(call)
	trace.TLSHandshakeStart = func() { call.Log("tls_start", nil) }
	trace.TLSHandshakeDone = func(_ tls.ConnectionState, err error) { call.Log("tls_done", err) }
	trace.GotConn = func(i httptrace.GotConnInfo) {
		call.Log("got_conn", nil, log.Bool("reused", i.Reused), log.Bool("was_idle", i.WasIdle))
	}
	trace.WroteRequest = func(i httptrace.WroteRequestInfo) { call.Log("wrote_request", i.Err) }
	trace.GotFirstResponseByte = func() { call.Log("first_byte", nil) }
	return req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
}
