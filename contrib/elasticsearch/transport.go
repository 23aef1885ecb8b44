package gapes

import (
	"errors"
	"net/http"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	redacted "github.com/gaptrace/gaptrace/internal/redact/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/ext"
)

const component = "go-elasticsearch"

// Wrap records the calls of c. It replaces c.Transport in place, because c's API is bound to c, and
// returns c; it must not run while c is in use. Config.DiscoverNodesOnStart uses c, in a goroutine, from the moment it is
// made: leave it out, and start c.DiscoverNodes when c is wrapped. It panics if c or its Transport is nil. A TypedClient
// that NewTypedFrom makes of c later is recorded too. See [WrapTransport] for the transport's methods.
func Wrap(c *elasticsearch.Client, opts ...gaptrace.Option) *elasticsearch.Client {
	if c == nil {
		panic("gapes.Wrap: c is nil")
	}
	if c.Transport == nil {
		panic("gapes.Wrap: c.Transport is nil")
	}
	c.Transport = WrapTransport(c.Transport, opts...)
	return c
}

// WrapTyped is [Wrap] for the typed client.
func WrapTyped(c *elasticsearch.TypedClient, opts ...gaptrace.Option) *elasticsearch.TypedClient {
	if c == nil {
		panic("gapes.WrapTyped: c is nil")
	}
	if c.Transport == nil {
		panic("gapes.WrapTyped: c.Transport is nil")
	}
	c.Transport = WrapTransport(c.Transport, opts...)
	return c
}

// WrapTransport returns t with its calls recorded, for a BaseClient and for those who call esapi's
// requests with a transport of their own. It panics if t is nil. A transport that is wrapped already
// is not wrapped twice: opts take the place of its options.
//
// What t can do beyond Perform it still can: instrumentation, metrics, discovery and closing. Its
// method Unwrap returns t.
func WrapTransport(t elastictransport.Interface, opts ...gaptrace.Option) elastictransport.Interface {
	switch wrapped := t.(type) {
	case nil:
		panic("gapes.WrapTransport: t is nil")
	case *transport:
		t = wrapped.next
	case closeable:
		t = wrapped.next
	}
	wrapper := spanutil.New(opts)
	w := &transport{next: t, wrapper: wrapper, endpoints: endpoints{none{}, wrapper}}
	if c, ok := t.(elastictransport.Closeable); ok {
		return closeable{w, c}
	}
	return w
}

// transport is the seam: all that go-elasticsearch does for a call (retries, back-off, the choice of
// a node) happens inside Perform. The optional interfaces answer what a client says where its
// transport has none.
type transport struct {
	wrapper   *spanutil.Wrapper
	next      elastictransport.Interface
	endpoints elastictransport.Instrumentation // for a transport that has none of its own
}

// closeable is a transport that can be closed. Where it cannot, closing a client succeeds even
// under a context that is over: no Close of ours could answer that.
type closeable struct {
	*transport
	elastictransport.Closeable
}

var (
	_ elastictransport.Instrumented = (*transport)(nil)
	_ elastictransport.Measurable   = (*transport)(nil)
	_ elastictransport.Discoverable = (*transport)(nil)
	_ elastictransport.Closeable    = closeable{}
)

func (t *transport) Unwrap() elastictransport.Interface { return t.next }

func (t *transport) InstrumentationEnabled() elastictransport.Instrumentation {
	if next, ok := t.next.(elastictransport.Instrumented); ok {
		if users := next.InstrumentationEnabled(); users != nil {
			return endpoints{users, t.wrapper}
		}
	}
	return t.endpoints
}

func (t *transport) Metrics() (elastictransport.Metrics, error) {
	if next, ok := t.next.(elastictransport.Measurable); ok {
		return next.Metrics()
	}
	return elastictransport.Metrics{}, errors.New("transport is missing method Metrics()")
}

func (t *transport) DiscoverNodes() error {
	if next, ok := t.next.(elastictransport.Discoverable); ok {
		return next.DiscoverNodes()
	}
	return errors.New("transport is missing method DiscoverNodes()")
}

func (t *transport) Perform(req *http.Request) (*http.Response, error) {
	if req == nil { // the wrapped transport refuses it
		return t.next.Perform(req)
	}
	ctx := req.Context()
	var what target
	call := t.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
		what = targetOf(req)
		return gaptrace.Call{Component: component, Operation: what.operation(req), Request: req}
	})
	if call == nil {
		return t.next.Perform(req)
	}
	defer call.Unwound()

	sampled := call.Sampled()
	searches := sampled && what.searches()
	if sampled {
		describe(call, req)
	}
	marked := false // the body has a credential word
	if searches && ofAPI(req) && req.GetBody != nil {
		marked = statementOf(req).record(call) // costs half as much before the span is opened
		searches = false
	}
	ctx = call.Open(ctx)
	var tries *attempts
	if sampled {
		tries, ctx = attemptsUnder(ctx, call, t.wrapper.Options.Phases)
	}
	sent := req.WithContext(ctx)
	var query statement
	if searches {
		query = statementOf(sent)
	}
	res, err := t.next.Perform(sent)
	giveBack(req, sent, query)

	watched := call.Answered(spanutil.Bytes)
	if watched {
		describeAnswer(call, req, res)
		tries.tag(call)
		marked = query.record(call) || marked
	}
	switch {
	case err != nil:
		call.Finish(spanutil.Redacted(err, func(text string) string { return redacted.Text(req, text) }))
	case res == nil:
		call.Finish(nil)
	case watched && what.fails(res.StatusCode):
		shown := what.searches() && t.wrapper.Options.Statement == nil && !marked
		res = failing(call, redacted.NewRequest(req, what.method, what.action, shown), res)
	case watched && what.action == "_bulk":
		res = counting(call, res)
	default:
		res = spanutil.WatchResponse(call, res, nil)
	}
	if res != nil && res.Request == sent {
		res.Request = req
	}
	return res, err
}

// giveBack leaves req as the library would have: it rewrites the body of the request it is given,
// to compress it or to be able to send it again.
func giveBack(req, sent *http.Request, query statement) {
	if query.seen == nil || sent.Body != query.seen {
		req.Body = sent.Body
	}
	req.GetBody, req.ContentLength = sent.GetBody, sent.ContentLength
}

func describe(call *spanutil.Call, req *http.Request) {
	call.Tag(string(ext.DBType), "elasticsearch")
	call.Tag("es.method", method(req))
	if req.URL != nil && req.URL.RawQuery != "" {
		call.Tag("elasticsearch.params", redacted.Params(req.URL.RawQuery))
	}
}

// describeAnswer tells who answered, and what. The URL is by now that of the node which was asked
// last: copies of a request share it, and the library completes it for each attempt.
func describeAnswer(call *spanutil.Call, req *http.Request, res *http.Response) {
	if u := req.URL; u != nil {
		call.Tag("es.url", redacted.URL(u))
		if u.Host != "" {
			call.Tag(string(ext.PeerAddress), redacted.Host(u))
		}
	}
	if res != nil {
		call.Tag(string(ext.HTTPStatusCode), res.StatusCode)
	}
}
