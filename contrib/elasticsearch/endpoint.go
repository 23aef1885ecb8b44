package gapes

import (
	"cmp"
	"context"
	"hash/maphash"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// endpoints is an instrumentation that puts the endpoint's name into the request's context, since
// nothing in a request names it. The embedded instrumentation does everything else.
type endpoints struct {
	elastictransport.Instrumentation
	wrapper *spanutil.Wrapper
}

// Start gets a nil context if a caller of esapi gave none. If a user's instrumentation returns nil,
// Start returns nil too, since that instrumentation gets the context again in later calls.
func (e endpoints) Start(ctx context.Context, endpoint string) context.Context {
	ctx = e.Instrumentation.Start(ctx, endpoint)
	if ctx == nil && e.Instrumentation == (noInstrumentation{}) && e.wrapper.Options.Roots {
		ctx = context.Background()
	}
	if ctx == nil || !e.wrapper.MayRecord(ctx) {
		return ctx
	}
	return &endpointContext{ctx, endpoint}
}

// endpointContext is a context and its own value, which costs half of context.WithValue.
type endpointContext struct {
	context.Context
	endpoint string
}

type endpointKey struct{}

func (c *endpointContext) Value(key any) any {
	if key == (endpointKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// noInstrumentation is an instrumentation that does nothing. Its RecordRequestBody returns nil,
// which leaves the body alone.
type noInstrumentation struct{}

func (noInstrumentation) Start(ctx context.Context, _ string) context.Context { return ctx }
func (noInstrumentation) Close(context.Context)                               {}
func (noInstrumentation) RecordError(context.Context, error)                  {}
func (noInstrumentation) RecordPathPart(_ context.Context, _, _ string)       {}
func (noInstrumentation) BeforeRequest(*http.Request, string)                 {}
func (noInstrumentation) AfterRequest(_ *http.Request, _, _ string)           {}
func (noInstrumentation) AfterResponse(context.Context, *http.Response)       {}

func (noInstrumentation) RecordRequestBody(context.Context, string, io.Reader) io.ReadCloser {
	return nil
}

// target is what a request asks for. That of POST /shop/_search/template is {POST, _search,
// template}.
type target struct {
	method string
	action string // the path's first segment, after any index, if it begins with an underscore; or "{index}" or "/"
	detail string // the segment after the action: its second word, a name or an id
}

// targetOf returns the target of req. Call it before the transport prepends a node's path to the
// request's.
func targetOf(req *http.Request) target {
	t := target{method: method(req), action: "/"}
	if req.URL == nil {
		return t
	}
	path := strings.TrimPrefix(req.URL.EscapedPath(), "/")
	if path == "" {
		return t
	}
	segment, rest, _ := strings.Cut(path, "/")
	if !strings.HasPrefix(segment, "_") || segment == "_all" { // an index; only _all begins with an underscore
		segment, rest, _ = strings.Cut(rest, "/")
	}
	if !strings.HasPrefix(segment, "_") {
		t.action = "{index}"
		return t
	}
	t.action = segment
	t.detail, _, _ = strings.Cut(rest, "/")
	return t
}

func method(req *http.Request) string { return cmp.Or(req.Method, http.MethodGet) }

// operation returns the call's name: its endpoint, or method and action if the API did not make
// req. The rest of the path may be an id, which must not be in a name.
func (t target) operation(req *http.Request, known *operations) string {
	if c, ok := req.Context().Value(endpointKey{}).(*endpointContext); ok {
		return known.of(c.endpoint)
	}
	return operationPrefix + t.method + " " + t.action
}

const operationPrefix = "elasticsearch "

// operations remembers the operations of endpoints, by their hash.
type operations [64]atomic.Pointer[string]

var endpointSeed = maphash.MakeSeed()

func (o *operations) of(endpoint string) string {
	slot := &o[maphash.String(endpointSeed, endpoint)%uint64(len(o))]
	if known := slot.Load(); known != nil && (*known)[len(operationPrefix):] == endpoint {
		return *known
	}
	operation := operationPrefix + endpoint
	slot.Store(&operation)
	return operation
}

// searches reports whether the request's body is a query. The body of a request for the next page
// of a result is only a token.
func (t target) searches() bool {
	switch t.action {
	case "_search", "_sql":
		return t.detail != "scroll" && t.detail != "close"
	case "_msearch", "_count", "_async_search", "_render", "_eql", "_query",
		"_terms_enum", "_knn_search", "_rollup_search":
		return true
	}
	return false
}

// fails reports whether status is a failure. A 404 is not, if the request asks for a document or
// whether something exists.
func (t target) fails(status int) bool {
	if status == http.StatusNotFound {
		isAnswer := t.method == http.MethodHead ||
			t.method == http.MethodGet && (t.action == "_doc" || t.action == "_source")
		return !isAnswer
	}
	return status >= 400
}
