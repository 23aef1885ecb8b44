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

// Wrap changes c in place, so that its calls are recorded, and returns c itself. It replaces only
// c.Transport. A TypedClient that NewTypedFrom makes of c later is recorded too. Wrap panics if c
// or its Transport is nil.
//
// Call Wrap before c is used. Do not set Config.DiscoverNodesOnStart, with which a goroutine uses c
// at once; call c.DiscoverNodes after Wrap instead. [WrapTransport] describes the new Transport.
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

// WrapTyped wraps the transport of a typed client. It changes c in place, as [Wrap] does, and
// returns c itself.
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

// WrapTransport returns a new transport that sends requests through t and records them. It is for a
// BaseClient, and for users of esapi with a transport of their own. If t is already wrapped, opts
// replace the earlier options. WrapTransport panics if t is nil.
//
// The result can do what t can: instrumentation, metrics, discovery and closing. Its method Unwrap
// returns t, or the transport that t wraps.
func WrapTransport(t elastictransport.Interface, opts ...gaptrace.Option) elastictransport.Interface {
	switch ours := t.(type) {
	case nil:
		panic("gapes.WrapTransport: t is nil")
	case *transport:
		t = ours.next
	case closeable:
		t = ours.next
	}
	wrapper := spanutil.NewClient(component, opts)
	w := &transport{next: t, wrapper: wrapper, endpoints: endpoints{noInstrumentation{}, wrapper}}
	if c, ok := t.(elastictransport.Closeable); ok {
		return closeable{w, c}
	}
	return w
}

// transport is a wrapped transport. Retries, back-off and the choice of a node happen inside
// next.Perform. If next lacks an optional method, transport's method returns what the client itself
// would return for such a transport.
type transport struct {
	wrapper   *spanutil.Wrapper
	next      elastictransport.Interface
	endpoints elastictransport.Instrumentation // used if next has no instrumentation

	operations operations
	shown      texts
}

// closeable is a transport that can be closed. It is a type of its own, since no Close could
// imitate its absence: without it, a client's Close succeeds even if its context has ended.
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
		if configured := next.InstrumentationEnabled(); configured != nil {
			return endpoints{configured, t.wrapper}
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
	var to target
	call := t.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
		to = targetOf(req)
		return gaptrace.Call{Component: component, Operation: to.operation(req, &t.operations), Request: req}
	})
	if call == nil {
		return t.unrecorded(req)
	}
	defer call.Unwound()

	sampled := call.Sampled()
	if sampled {
		t.shown.tagRequest(call, req)
	}
	searches := sampled && to.searches()
	var body statement
	if searches {
		body = statementOf(req)
	}
	early := body.memory != nil // a tag costs half as much before the span is open
	bodyShown := !early || body.tag(call, t)
	ctx = call.Open(ctx)
	var tries *attempts
	var sent *http.Request
	if sampled {
		tries, sent = withAttempts(ctx, req, call, t.wrapper.Options.Phases)
	} else {
		sent = req.WithContext(ctx)
	}
	if searches {
		body.watch(sent)
	}
	res, err := t.next.Perform(sent)
	giveBack(req, sent, body)

	watched := call.Answered(spanutil.Bytes)
	if watched {
		t.shown.tagResponse(call, req, res)
		tries.tag(call)
		if !early {
			bodyShown = body.tag(call, t)
		}
	}
	switch {
	case err != nil:
		call.Finish(spanutil.Redacted(err, func(text string) string { return redacted.Text(req, text) }))
	case res == nil:
		call.Finish(nil)
	case watched && call.Failed(res.StatusCode, to.fails(res.StatusCode)):
		bodyShown = bodyShown && searches && t.wrapper.Options.Statement == nil
		res = watchFailure(call, redacted.NewRequest(req, to.method, to.action, bodyShown), res)
	case watched && to.action == "_bulk":
		res = watchBulk(call, res)
	default:
		res = spanutil.WatchResponse(call, res, nil)
	}
	if res != nil && res.Request == sent {
		res.Request = req
	}
	return res, err
}

// unrecorded performs a request that has no span.
func (t *transport) unrecorded(req *http.Request) (*http.Response, error) {
	ctx, differs := t.wrapper.Unrecorded(req.Context())
	if !differs {
		return t.next.Perform(req)
	}
	sent := req.WithContext(ctx)
	res, err := t.next.Perform(sent)
	giveBack(req, sent, statement{})
	if res != nil && res.Request == sent {
		res.Request = req
	}
	return res, err
}

// giveBack changes req as the library has changed sent, its copy. The library replaces a request's
// body, to compress it or to be able to send it again.
func giveBack(req, sent *http.Request, body statement) {
	if body.tee == nil || sent.Body != body.tee {
		req.Body = sent.Body
	}
	req.GetBody, req.ContentLength = sent.GetBody, sent.ContentLength
}

// texts are what spans of a client show.
type texts struct{ methods, params, bodies, urls, hosts spanutil.Texts }

var dbType = spanutil.NewText("elasticsearch")

func (t *texts) tagRequest(call *spanutil.Call, req *http.Request) {
	call.TagText(string(ext.DBType), dbType)
	call.TagText("es.method", t.methods.Text(method(req)))
	if req.URL != nil && req.URL.RawQuery != "" {
		call.TagText("elasticsearch.params", t.params.Show(req.URL.RawQuery, redacted.Params))
	}
}

// tagResponse tags the last node that was asked, and its status. req.URL names that node: the
// library completes the URL for each attempt, and copies of a request share it.
func (t *texts) tagResponse(call *spanutil.Call, req *http.Request, res *http.Response) {
	if u := req.URL; u != nil {
		var buf [256]byte
		known := append(append(append(buf[:0], u.Scheme...), ' '), u.Host...)
		if u.RawPath == "" { // then Path determines EscapedPath, and is cheaper
			known = append(append(known, 0), u.Path...)
		} else {
			known = append(append(known, ' '), u.EscapedPath()...)
		}
		call.TagText("es.url", t.urls.ShowBytes(known, func(string) string { return redacted.URL(u) }))
		if u.Host != "" {
			call.TagText(string(ext.PeerAddress), t.hosts.Show(u.Host, func(string) string { return redacted.Host(u) }))
		}
	}
	if res != nil {
		call.Tag(string(ext.HTTPStatusCode), res.StatusCode)
	}
}
