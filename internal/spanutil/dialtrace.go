package spanutil

import (
	"net/http/httptrace"

	"github.com/opentracing/opentracing-go/log"
)

// DialTrace returns the hooks of [gaptrace.WithPhases] for a dial: each logs on call. In a context
// they reach every net.Dialer that gets it, not only those of net/http. The hooks may race, and may
// run after the call is over, if a dial lost against an idle connection. Call.Log permits both.
func DialTrace(call *Call) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:     func(i httptrace.DNSStartInfo) { call.Log("dns_start", nil, log.String("host", i.Host)) },
		DNSDone:      func(i httptrace.DNSDoneInfo) { call.Log("dns_done", i.Err) },
		ConnectStart: func(_, addr string) { call.Log("connect_start", nil, log.String("addr", addr)) },
		ConnectDone: func(_, addr string, err error) {
			call.Log("connect_done", err, log.String("addr", addr))
		},
	}
}
