package spanutil

import (
	"net/http/httptrace"

	"github.com/opentracing/opentracing-go/log"
)

// DialTrace returns httptrace hooks that log a dial on call, for [gaptrace.WithPhases]. They work
// for every net.Dialer whose context has them, not only for net/http's. The hooks may race, or run
// after the call is over, if an idle connection came before the dial had ended. Call.Log permits
// both.
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
