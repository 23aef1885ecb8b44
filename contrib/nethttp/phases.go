package nethttp

import (
	"crypto/tls"
	"net/http"
	"net/http/httptrace"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/log"
)

// withPhases is req with what happens inside the call logged on its span. The callbacks may
// race, and may come when the call is over (a dial goes on that lost against an idle
// connection); Call.Log takes both.
func withPhases(req *http.Request, call *spanutil.Call) *http.Request {
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		DNSStart:     func(i httptrace.DNSStartInfo) { call.Log("dns_start", nil, log.String("host", i.Host)) },
		DNSDone:      func(i httptrace.DNSDoneInfo) { call.Log("dns_done", i.Err) },
		ConnectStart: func(_, addr string) { call.Log("connect_start", nil, log.String("addr", addr)) },
		ConnectDone: func(_, addr string, err error) {
			call.Log("connect_done", err, log.String("addr", addr))
		},
		TLSHandshakeStart: func() { call.Log("tls_start", nil) },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { call.Log("tls_done", err) },
		GotConn: func(i httptrace.GotConnInfo) {
			call.Log("got_conn", nil, log.Bool("reused", i.Reused), log.Bool("was_idle", i.WasIdle))
		},
		WroteRequest:         func(i httptrace.WroteRequestInfo) { call.Log("wrote_request", i.Err) },
		GotFirstResponseByte: func() { call.Log("first_byte", nil) },
	}))
}
