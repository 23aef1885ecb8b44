package gapes

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	redacted "github.com/gaptrace/gaptrace/internal/redact/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/log"
)

// Interceptor counts the attempts of a call exactly, with any http.RoundTripper, and logs how each
// one ended. Add it to a client's configuration, which has Interceptors since go-elasticsearch
// v8.19.1:
//
//	elasticsearch.Config{Interceptors: []elastictransport.InterceptorFunc{gapes.Interceptor}}
//
// The example does the same with older clients.
//
// If it comes first, it counts the attempts of go-elasticsearch. After another interceptor, it
// counts what that one sends. It records nothing for a client that is not wrapped, and does not
// change requests and responses. Without it, attempts are counted when net/http asks for a
// connection.
func Interceptor(next elastictransport.RoundTripFunc) elastictransport.RoundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		a, _ := req.Context().Value(attemptsKey{}).(*attempts)
		if a == nil {
			return next(req)
		}
		a.begin(req.URL.Host, req)
		res, err := next(req)
		a.end(res, err)
		return res, err
	}
}

// attempts is the context of a call. It counts the requests to nodes that have this context.
type attempts struct {
	context.Context
	request http.Request // the call's; here, to save an allocation
	trace   httptrace.ClientTrace
	phases  *spanutil.Call // retries are logged on it; nil: without gaptrace.WithPhases

	mu          sync.Mutex // a user's transport may send several requests at once
	count       int
	intercepted bool        // Interceptor counts, and the GetConn hook does not
	status      []log.Field // of the last attempt
	err         error       // of the last attempt
}

type attemptsKey struct{}

// Value returns a itself for its own key, for Interceptor.
func (a *attempts) Value(key any) any {
	if key == (attemptsKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// withAttempts returns a copy of req with a context in ctx that counts attempts. If phases is set,
// it also logs them on call.
func withAttempts(
	ctx context.Context, req *http.Request, call *spanutil.Call, phases bool,
) (*attempts, *http.Request) {
	a := &attempts{Context: ctx}
	if phases {
		a.phases, a.trace = call, *spanutil.DialTrace(call)
	}
	a.trace.GetConn = func(node string) { a.begin(node, nil) }
	a.request = *req.WithContext(httptrace.WithClientTrace(a, &a.trace))
	return a, &a.request
}

// begin counts an attempt. req is nil if the GetConn hook calls it; the hook counts only as long as
// Interceptor has not.
func (a *attempts) begin(node string, req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case req == nil && a.intercepted:
		return
	case req != nil && !a.intercepted: // drop the hook's count, such as an earlier interceptor's request for a token
		a.intercepted, a.count = true, 0
	}
	a.count++
	if a.count > 1 {
		err := a.err
		if err != nil && req != nil {
			err = spanutil.Redacted(err, func(text string) string { return redacted.Text(req, text) })
		}
		a.phases.Log("retry", err, append(a.status, log.Int("attempt", a.count), log.String("node", node))...)
	}
}

func (a *attempts) end(res *http.Response, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.err = nil, err
	if res != nil {
		a.status = []log.Field{log.Int("status", res.StatusCode)}
	}
}

// tag records the number of attempts, if there was more than one.
func (a *attempts) tag(call *spanutil.Call) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count > 1 {
		call.Tag("es.attempts", a.count)
	}
}
