package gapes_test

import (
	"context"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestCallsWithoutParentAreCounted(t *testing.T) {
	tracer, under, _ := spantest.Under(t)
	c := spantest.Must(elasticsearch.NewClient(elasticsearch.Config{Transport: fromMemory{}}))(t)
	gapes.Wrap(c, gaptrace.WithTracer(tracer))
	search := func(ctx context.Context) func() {
		return func() { spantest.Must(c.Search(c.Search.WithContext(ctx)))(t).Body.Close() }
	}
	if got := spantest.NoParent("go-elasticsearch", search(t.Context())); got != 1 {
		t.Errorf("%d calls without a parent are counted, want 1", got)
	}
	if got := spantest.NoParent("go-elasticsearch", search(under)); got != 0 {
		t.Errorf("%d calls under a parent are counted", got)
	}
}
