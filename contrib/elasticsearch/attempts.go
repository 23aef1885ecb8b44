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

// Interceptor tells a call's span of each attempt: how it ended, which the transport tells nobody, and, whatever
// http.RoundTripper there is, how many there were. It goes into a client's configuration, before the client is wrapped:
//
//	elasticsearch.Config{Interceptors: []elastictransport.InterceptorFunc{gapes.Interceptor}}
//
// As the first of several it counts what go-elasticsearch attempts; behind others, what they pass on. Without it attempts
// are counted where net/http asks for a connection. It is needed for nothing else, records nothing by itself, and passes
// requests and answers as they are.
func Interceptor(next elastictransport.RoundTripFunc) elastictransport.RoundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		a, _ := req.Context().Value(attemptsKey{}).(*attempts)
		if a == nil {
			return next(req)
		}
		a.begins(req.URL.Host, req)
		res, err := next(req)
		a.ends(res, err)
		return res, err
	}
}

// attempts is the context of a call, and counts how often a node is asked under it.
type attempts struct {
	context.Context
	trace  httptrace.ClientTrace
	phases *spanutil.Call // nil: they are not logged

	mu     sync.Mutex // a stranger's transport may do anything at once
	count  int
	told   bool        // by Interceptor, and not by net/http
	status []log.Field // the last attempt's end
	err    error
}

type attemptsKey struct{}

// Value has the attempts themselves, for Interceptor.
func (a *attempts) Value(key any) any {
	if key == (attemptsKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// attemptsUnder counts the attempts made under the context that it returns, and with phases logs what happens in them.
func attemptsUnder(ctx context.Context, call *spanutil.Call, phases bool) (*attempts, context.Context) {
	a := &attempts{Context: ctx}
	if phases {
		a.phases, a.trace = call, *spanutil.DialTrace(call)
	}
	a.trace.GetConn = a.connects
	return a, httptrace.WithClientTrace(a, &a.trace)
}

// connects is net/http's GetConn.
func (a *attempts) connects(node string) { a.begins(node, nil) }

// begins counts an attempt that Interceptor tells of, with its request, or net/http as long as Interceptor does not.
func (a *attempts) begins(node string, req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case req == nil && a.told:
		return
	case req != nil && !a.told: // so far it was somebody else who used this context, as to fetch a token
		a.told, a.count = true, 0
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

func (a *attempts) ends(res *http.Response, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.err = nil, err
	if res != nil {
		a.status = []log.Field{log.Int("status", res.StatusCode)}
	}
}

// tag tells of more attempts than one.
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
