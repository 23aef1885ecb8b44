package shelf_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/wrap/internal/shelf"
	"github.com/gaptrace/gaptrace/wrap/wraptest"
	"github.com/opentracing/opentracing-go"
)

const tutorial = "../../../docs/own-wrapper.md"

var fenced = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// TestTutorial checks that the code in the tutorial is code of this package, and that the gaps in
// it are those of this package.
func TestTutorial(t *testing.T) {
	doc, err := os.ReadFile(tutorial)
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, name := range []string{"shelf.go", "traced.go", "promises_test.go", "tutorial_test.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(source)
	}
	checked := map[string]int{}
	for _, block := range fenced.FindAllStringSubmatch(string(doc), -1) {
		switch checked[block[1]]++; block[1] {
		case "go":
			for part := range strings.SplitSeq(block[2], "\n\n") {
				if !strings.Contains(sources.String(), strings.TrimSpace(part)) {
					t.Errorf("%s: not in the source:\n%s", tutorial, part)
				}
			}
		case "":
			if got := pageReport(t); got != block[2] {
				t.Errorf("%s shows:\n%s\nthe gaps are:\n%s", tutorial, block[2], got)
			}
		}
	}
	if checked["go"] < 3 || checked[""] != 1 {
		t.Errorf("%s has %v blocks", tutorial, checked)
	}
}

// page gets the color, and reads the keys.
func page(ctx context.Context, client *shelf.Traced) {
	color, _ := client.Get(ctx, "color")
	work(color)
	keys, err := client.Keys(ctx)
	for err == nil {
		var key string
		key, err = keys.Next()
		work(key)
	}
}

func work(string) { time.Sleep(30 * time.Millisecond) }

// pageReport returns the report of a page.
func pageReport(t *testing.T) string {
	tracer := wraptest.NewTracer()
	synctest.Test(t, func(t *testing.T) {
		client := shelf.Wrap(shelf.New(server(t)), gaptrace.WithTracer(tracer))
		span := tracer.StartSpan("GET /page")
		page(opentracing.ContextWithSpan(t.Context(), span), client)
		span.Finish()
	})
	r := report.New(report.Options{})
	r.Add(gap.Build(gapSpans(tracer)))
	var text strings.Builder
	if err := r.Text(&text, report.TextOptions{Width: 90}); err != nil {
		t.Error(err)
	}
	waterfall, _, _ := strings.Cut(text.String(), "\nWorst")
	return waterfall
}

// gapSpans returns the tracer's spans as package gap reads them.
func gapSpans(tracer *wraptest.Tracer) (spans []gap.Span) {
	process := &gap.Process{Service: "shop"}
	for _, s := range tracer.Spans() {
		span := gap.Span{
			TraceID: gap.TraceID{Low: uint64(s.TraceID)}, SpanID: gap.SpanID(s.ID), Operation: s.Operation,
			Start: s.Start, Duration: s.Duration(), Process: process,
			Tags: []gap.Field{{Key: "span.kind", Value: fmt.Sprint(s.Tags["span.kind"])}},
		}
		if s.ParentID != 0 {
			span.References = append(span.References, gap.Reference{Type: gap.ChildOf, SpanID: gap.SpanID(s.ParentID)})
		}
		if s.FollowsID != 0 {
			span.References = append(span.References, gap.Reference{Type: gap.FollowsFrom, SpanID: gap.SpanID(s.FollowsID)})
		}
		spans = append(spans, span)
	}
	return spans
}
