package spanutil_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

func TestHooksDescribeACall(t *testing.T) {
	boom := errors.New("boom")
	w, tracer := roots(
		gaptrace.WithOperation(func(c gaptrace.Call) string { return c.Component + " " + c.Operation }),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
			return opentracing.Tags{"team": "books", "db.type": "mine"}
		}),
		gaptrace.WithStatement(func(_ gaptrace.Call, s string) string { return strings.ToLower(s) }),
		gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { return err == boom }),
	)
	call, _ := open(w, t.Context(), op)
	call.Tag("db.type", "wrapper's")
	call.Statement("SELECT 1")
	call.Finish(boom)
	spantest.WantTree(t, tracer,
		"lib op component=lib db.statement=\"select 1\" db.type=mine span.kind=client team=books\n")
}

func TestAnEmptyStatementIsDropped(t *testing.T) {
	w, tracer := roots(gaptrace.WithStatement(func(gaptrace.Call, string) string { return "" }))
	call, _ := open(w, t.Context(), op)
	call.Statement("SELECT 1")
	call.Finish(nil)
	spantest.WantTree(t, tracer, "op component=lib span.kind=client\n")
}

func TestUsersTagsAreTruncatedAndKeepComponentAndKind(t *testing.T) {
	for name, parented := range map[string]bool{"under a parent": true, "without a parent": false} {
		t.Run(name, func(t *testing.T) {
			w, tracer := roots(gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
				return opentracing.Tags{"long": strings.Repeat("x", 1<<20), "component": "mine", "span.kind": "mine"}
			}))
			ctx := t.Context()
			parent := tracer.StartSpan("parent")
			if parented {
				ctx = opentracing.ContextWithSpan(ctx, parent)
			}
			call, _ := open(w, ctx, op)
			call.Finish(nil)
			parent.Finish()
			tags := tracer.Only(t, "op").Tags
			if n := len(tags["long"].(string)); n != spanutil.MaxValue || tags["component"] != "lib" {
				t.Errorf("%d bytes, component %v", n, tags["component"])
			}
			if p := tracer.Problems(); p != nil { // a span.kind that changed is one
				t.Error(p)
			}
		})
	}
}

func TestLogAfterTheFirstWaitDoesNothing(t *testing.T) {
	w, tracer := roots()
	call, _ := open(w, t.Context(), op)
	call.Log("in time", nil)
	call.Answered(spanutil.Bytes)
	call.Log("late", nil)
	call.Finish(nil)
	call.Log("too late", nil)
	spantest.WantTree(t, tracer, "op bytes=0 component=lib span.kind=client\n  * event=\"in time\"\n")
}
