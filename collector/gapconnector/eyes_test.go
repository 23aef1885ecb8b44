package gapconnector

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
)

// A combination of attributes does not expire before an export with its last spans has succeeded.
func TestExpirationWaitsForAnExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.MetricsSink
		o := &outage{Metrics: &sink}
		change := func(c *Config) { exported(c); c.Metrics.Expiration = 90 * time.Second }
		use(t, change, o, func(c connector.Traces) {
			first := answered(t.Context(), c, request(1, "GET /books"))
			time.Sleep(10 * time.Minute)
			o.over.Store(true)
			time.Sleep(2 * time.Minute)
			if _, err := first(t); err != nil {
				t.Error(err)
			}
		})
		if n := len(sink.AllMetrics()); n != 1 {
			t.Errorf("%d exports, want 1 that has the spans", n)
		}
	})
}

// flapping fails at every second export. It counts the spans of the others.
type flapping struct {
	consumer.Metrics
	calls int
	spans uint64
}

func (f *flapping) ConsumeMetrics(ctx context.Context, m pmetric.Metrics) error {
	f.calls++
	if f.calls%2 == 0 {
		return errOutage
	}
	for _, p := range m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram().DataPoints().All() {
		f.spans += p.Count()
	}
	return nil
}

// Traces that are analyzed during an export are acknowledged with the export that has their points.
func TestAcknowledgesWithTheRightExport(t *testing.T) {
	config := createDefaultConfig().(*Config)
	exported(config)
	config.Metrics.Temporality, config.Grouped = "delta", true
	next := &flapping{Metrics: consumertest.NewNop()}
	c, err := newToMetrics(connectortest.NewNopSettings(componentType), config, next)
	if err != nil {
		t.Fatal(err)
	}
	var batch []gap.Span // of traces that wait together
	for high := range uint64(100) {
		spans := request(1, "GET /books")
		for i := range spans {
			spans[i].TraceID.High = high + 1
		}
		batch = append(batch, spans...)
	}
	var callers sync.WaitGroup
	var acknowledged, running atomic.Int64
	for range 4 {
		running.Add(1)
		callers.Go(func() {
			defer running.Add(-1)
			for range 50 {
				switch err := c.ConsumeTraces(t.Context(), otlp.Traces(batch)); {
				case err == nil:
					acknowledged.Add(int64(len(batch)))
				case !errors.Is(err, errOutage):
					t.Error(err)
				}
			}
		})
	}
	for running.Load() > 0 {
		c.export(t.Context(), false)
	}
	callers.Wait()
	if next.spans < uint64(acknowledged.Load()) {
		t.Errorf("%d spans were acknowledged, of which at least %d were lost", acknowledged.Load(),
			acknowledged.Load()-int64(next.spans))
	}
}

// A caller that gives up while its trace is being analyzed does not wait for the next interval.
func TestHurriesAfterTheAnalysis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		use(t, exported, new(consumertest.MetricsSink), func(c connector.Traces) {
			ctx, cancel := context.WithCancel(t.Context())
			hurried := answered(ctx, c, request(1, "GET /books"))
			synctest.Wait()
			b := c.(*toMetrics).waiting
			b.lock()
			released := b.take(b.oldest, complete)
			b.mu.Unlock()
			cancel()
			synctest.Wait() // for the export
			b.release(released)
			if took, err := hurried(t); took != 0 || err != nil {
				t.Errorf("returned after %v, %v", took, err)
			}
		})
	})
}

type grow struct{ consumertest.TracesSink }

func TestXManyCallersOneTrace(t *testing.T) {
	for _, n := range []int{10_000, 50_000} {
		for _, kind := range []string{"metrics", "traces"} {
			for _, cancelled := range []bool{false, true} {
				config := createDefaultConfig().(*Config)
				exported(config)
				config.Metrics.FlushInterval = 100 * time.Millisecond
				var c connector.Traces
				if kind == "metrics" {
					c, _ = newToMetrics(connectortest.NewNopSettings(componentType), config, new(consumertest.MetricsSink))
				} else {
					c, _ = newToTraces(connectortest.NewNopSettings(componentType), config, new(consumertest.TracesSink))
				}
				before := runtime.NumGoroutine()
				c.Start(t.Context(), componenttest.NewNopHost())
				ctx, cancel := context.WithCancel(t.Context())
				var wg, in sync.WaitGroup
				batches := make([]ptrace.Traces, n)
				for i := range batches {
					batches[i] = otlp.Traces(request(1, "GET /books"))
				}
				in.Add(n)
				begun := time.Now()
				for _, b := range batches {
					wg.Go(func() {
						in.Done()
						if err := c.ConsumeTraces(ctx, b); err != nil {
							t.Error(err)
						}
					})
				}
				in.Wait()
				if cancelled {
					cancel()
				} else {
					time.Sleep(500 * time.Millisecond)
					if kind == "metrics" {
						w := c.(*toMetrics).waiting
						w.lock()
						w.config.MaxTraces = 0
						w.unlock()
					} else {
						w := c.(*toTraces).waiting
						w.lock()
						w.config.MaxTraces = 0
						w.unlock()
					}
				}
				wg.Wait()
				t.Log(n, kind, cancelled, time.Since(begun))
				c.Shutdown(t.Context())
				cancel()
				time.Sleep(10 * time.Millisecond)
				if after := runtime.NumGoroutine(); after > before {
					t.Errorf("goroutines %d, %d", before, after)
				}
			}
		}
	}
}
