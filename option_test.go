package gaptrace_test

import (
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/opentracing/opentracing-go"
)

func config(opts ...gaptrace.Option) options.Config { return options.NewConfig(opts...) }

func TestOptions(t *testing.T) {
	t.Run("the last of two counts", func(t *testing.T) {
		if got := config(gaptrace.WithMaxWaits(7), gaptrace.WithMaxWaits(9)).MaxWaits; got != 9 {
			t.Errorf("MaxWaits = %d", got)
		}
	})
	t.Run("a nil option is ignored", func(t *testing.T) {
		if !config(nil, gaptrace.WithRoots(), nil).Roots {
			t.Error("an option next to a nil one is lost")
		}
	})
	t.Run("nil and zero restore the default", func(t *testing.T) {
		c := config(
			gaptrace.WithTracer(opentracing.NoopTracer{}), gaptrace.WithTracer(nil),
			gaptrace.WithFilter(func(gaptrace.Call) bool { return false }), gaptrace.WithFilter(nil),
			gaptrace.WithOperation(func(gaptrace.Call) string { return "x" }), gaptrace.WithOperation(nil),
			gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { return nil }), gaptrace.WithTags(nil),
			gaptrace.WithStatement(func(gaptrace.Call, string) string { return "x" }), gaptrace.WithStatement(nil),
			gaptrace.WithExpected(func(gaptrace.Call, error) bool { return true }), gaptrace.WithExpected(nil),
			gaptrace.WithMaxWaits(7), gaptrace.WithMaxWaits(0),
		)
		if c.Tracer != nil || c.Filter != nil || c.Operation != nil || c.Tags != nil || c.Statement != nil ||
			c.Expected != nil {
			t.Errorf("not the defaults: %+v", c)
		}
		if c.MaxWaits != options.DefaultMaxWaits {
			t.Errorf("MaxWaits = %d, want %d", c.MaxWaits, options.DefaultMaxWaits)
		}
	})
	t.Run("the defaults", func(t *testing.T) {
		if c := config(); c.Roots || c.Phases || c.MaxWaits != options.DefaultMaxWaits {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("a Config out of range gets the default", func(t *testing.T) {
		if got := config(func(c *options.Config) { c.MaxWaits = -1 }).MaxWaits; got != options.DefaultMaxWaits {
			t.Errorf("MaxWaits = %d", got)
		}
	})
}

func TestWithMaxWaitsPanicsIfNegative(t *testing.T) {
	defer func() {
		const want = "gaptrace.WithMaxWaits: n is -1, want 1 or more, or 0 for the default"
		if got := recover(); got != want {
			t.Errorf("panic %v, want %q", got, want)
		}
	}()
	gaptrace.WithMaxWaits(-1)
}
