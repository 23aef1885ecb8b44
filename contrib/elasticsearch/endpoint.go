package gapes

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// endpoints is an instrumentation that puts the endpoint of the API into the request's context,
// since nothing in a request names it. Everything else goes to the embedded instrumentation.
type endpoints struct {
	elastictransport.Instrumentation
	wrapper *spanutil.Wrapper
}

// Start gets a nil context if a caller of esapi gave none. A user's instrumentation that returns
// nil gets nil back in later calls.
func (e endpoints) Start(ctx context.Context, endpoint string) context.Context {
	ctx = e.Instrumentation.Start(ctx, endpoint)
	if ctx == nil && e.Instrumentation == (none{}) && e.wrapper.Options.Roots {
		ctx = context.Background()
	}
	if ctx == nil || !e.wrapper.MayRecord(ctx) {
		return ctx
	}
	return &endpointContext{ctx, endpoint}
}

// endpointContext costs half of context.WithValue, since it is its own value.
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

// ofAPI reports whether the API made req. Then GetBody returns a copy of the body. In a request
// made by hand, GetBody may rewind the only body, so it must not be called before the body was
// sent.
func ofAPI(req *http.Request) bool {
	_, ok := req.Context().(*endpointContext)
	return ok
}

// none is an instrumentation that does nothing. Its RecordRequestBody returns nil, which leaves the
// body alone.
type none struct{}

func (none) Start(ctx context.Context, _ string) context.Context                          { return ctx }
func (none) Close(context.Context)                                                        {}
func (none) RecordError(context.Context, error)                                           {}
func (none) RecordPathPart(_ context.Context, _, _ string)                                {}
func (none) RecordRequestBody(_ context.Context, _ string, _ io.Reader) (_ io.ReadCloser) { return nil }
func (none) BeforeRequest(*http.Request, string)                                          {}
func (none) AfterRequest(_ *http.Request, _, _ string)                                    {}
func (none) AfterResponse(context.Context, *http.Response)                                {}

// target is what a request asks for: /books/_search/template is {POST, _search, template}.
type target struct {
	method string
	action string // the path's first segment with an underscore, after an index if there is one
	detail string // the segment after the action: a part of it, a name or an id
}

// targetOf reads method and path before the library puts the node's own path in front.
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
	if !strings.HasPrefix(segment, "_") || segment == "_all" { // an index; no other begins with an underscore
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

// operation names the call by its endpoint, or by method and action if the API did not make req.
// The rest of the path may be an id, which must not be in a name.
func (t target) operation(req *http.Request) string {
	if c, ok := req.Context().Value(endpointKey{}).(*endpointContext); ok {
		return "elasticsearch " + c.endpoint
	}
	return "elasticsearch " + t.method + " " + t.action
}

// searches reports whether the body is a query. To get a page of an earlier result, only a token is
// sent.
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

// fails reports whether status is a failure. A 404 is not if the request asks for a document, or
// whether something exists.
func (t target) fails(status int) bool {
	if status == http.StatusNotFound {
		answers := t.method == http.MethodHead ||
			t.method == http.MethodGet && (t.action == "_doc" || t.action == "_source")
		return !answers
	}
	return status >= 400
}
