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

// endpoints leaves word in the request's context which endpoint of the API was called, for Perform
// to find: nothing in a request says so. For all else it is the user's instrumentation, or none.
type endpoints struct {
	elastictransport.Instrumentation
	wrapper *spanutil.Wrapper
}

// Start is given a nil context where a caller of esapi left it out. A user's instrumentation will be asked for what it
// answered, and so it gets a nil one back.
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

// endpointContext is context.WithValue at half the price. It is its own value.
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

// ofAPI reports whether the API made req, and with it the body, of which GetBody gives a copy, as http.NewRequest has it. Of
// a request made by hand GetBody may wind back the one body that there is: it is not to be asked before that was sent.
func ofAPI(req *http.Request) bool {
	_, ok := req.Context().(*endpointContext)
	return ok
}

// none is an instrumentation that does nothing. RecordRequestBody's nil leaves the body alone.
type none struct{}

func (none) Start(ctx context.Context, _ string) context.Context                          { return ctx }
func (none) Close(context.Context)                                                        {}
func (none) RecordError(context.Context, error)                                           {}
func (none) RecordPathPart(_ context.Context, _, _ string)                                {}
func (none) RecordRequestBody(_ context.Context, _ string, _ io.Reader) (_ io.ReadCloser) { return nil }
func (none) BeforeRequest(*http.Request, string)                                          {}
func (none) AfterRequest(_ *http.Request, _, _ string)                                    {}
func (none) AfterResponse(context.Context, *http.Response)                                {}

// target is what a request asks for, as its method and path tell before the library puts a node's
// own path in front.
type target struct {
	method string
	action string // the path's first segment with an underscore, behind the index if one is named
	detail string // the segment behind the action: part of it, or a name or id
}

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
	if !strings.HasPrefix(segment, "_") || segment == "_all" { // no index begins with an underscore; an empty one is none
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

// operation names the call by its endpoint or, where the API was not used, by method and action.
// Of the path no more may enter a name: what follows may be an id.
func (t target) operation(req *http.Request) string {
	if c, ok := req.Context().Value(endpointKey{}).(*endpointContext); ok {
		return "elasticsearch " + c.endpoint
	}
	return "elasticsearch " + t.method + " " + t.action
}

// searches reports whether the body is a query. A page of an earlier result is asked for with a
// token, which says nothing.
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

// fails reports whether status is a failure. That a document is not there is an answer, where the
// question was for it or whether it exists.
func (t target) fails(status int) bool {
	if status == http.StatusNotFound {
		asked := t.method == http.MethodHead ||
			t.method == http.MethodGet && (t.action == "_doc" || t.action == "_source")
		return !asked
	}
	return status >= 400
}
