package gapconnector

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
)

func exported(c *Config) { c.Acknowledge = acknowledgeExported }

// answered calls ConsumeTraces, and returns a function that says how long it took. It fails if the
// call has not returned.
func answered(ctx context.Context, c connector.Traces, spans ...[]gap.Span) func(t *testing.T) (time.Duration, error) {
	begun := time.Now()
	var took time.Duration
	var err error
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		err = c.ConsumeTraces(ctx, otlp.Traces(spans...))
		took = time.Since(begun)
	}()
	return func(t *testing.T) (time.Duration, error) {
		t.Helper()
		synctest.Wait()
		select {
		case <-returned:
		default:
			t.Fatal("ConsumeTraces has not returned")
		}
		return took, err
	}
}

// ConsumeTraces returns when all its spans have been exported, together with what came from others.
func TestAcknowledgesWhatWasExported(t *testing.T) {
	for name, test := range map[string]struct {
		next any
		want time.Duration
	}{
		"metrics": {new(consumertest.MetricsSink), time.Minute}, // the interval of exports
		"traces":  {new(consumertest.TracesSink), 19 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				use(t, exported, test.next, func(c connector.Traces) {
					first, second := request(1, "GET /books"), request(2, "GET /carts")
					a := answered(t.Context(), c, first[:1])
					time.Sleep(9 * time.Second)
					b := answered(t.Context(), c, first[1:], second) // its second trace waits until 19 s
					empty := answered(t.Context(), c)
					if _, err := empty(t); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Hour)
					if took, err := b(t); took != test.want-9*time.Second || err != nil {
						t.Errorf("returned after %v, %v", took, err)
					}
					if took, err := a(t); took > test.want || took < 10*time.Second || err != nil {
						t.Errorf("returned after %v, %v", took, err)
					}
				})
			})
		})
	}
}

// What waits is exported at once when the receiver stops or loses a partition.
func TestHurriesWhenTheReceiverStops(t *testing.T) {
	for name, next := range map[string]any{
		"metrics": new(consumertest.MetricsSink), "traces": new(consumertest.TracesSink),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own := use(t, exported, next, func(c connector.Traces) {
					ctx, cancel := context.WithCancel(t.Context())
					hurried := answered(ctx, c, request(1, "GET /books"))
					other := answered(t.Context(), c, request(2, "GET /books"))
					time.Sleep(time.Second)
					cancel()
					if took, err := hurried(t); took != time.Second || err != nil {
						t.Errorf("returned after %v, %v", took, err)
					}
					time.Sleep(time.Hour)
					if took, err := other(t); took < 10*time.Second || err != nil {
						t.Errorf("the other returned after %v, %v", took, err)
					}
				})
				if got, want := counted(own), "spans complete 2\nspans flushed 2\ntraces complete 1\ntraces flushed 1"; got != want {
					t.Errorf("counted\n%s", got)
				}
			})
		})
	}
}

// outage fails until it is over.
type outage struct {
	over atomic.Bool
	consumer.Metrics
	consumer.Traces
}

var errOutage = errors.New("no connection")

func (o *outage) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (o *outage) ConsumeMetrics(ctx context.Context, m pmetric.Metrics) error {
	if !o.over.Load() {
		return errOutage
	}
	return o.Metrics.ConsumeMetrics(ctx, m)
}

func (o *outage) ConsumeTraces(ctx context.Context, traces ptrace.Traces) error {
	if !o.over.Load() {
		return errOutage
	}
	return o.Traces.ConsumeTraces(ctx, traces)
}

func TestAcknowledgesNothingThatWasLost(t *testing.T) {
	const interval = time.Minute
	one := func(t *testing.T, c connector.Traces) func(*testing.T) (time.Duration, error) {
		return answered(t.Context(), c, request(1, "GET /books"))
	}
	t.Run("traces", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			own := use(t, exported, struct{ consumer.Traces }{new(outage)}, func(c connector.Traces) {
				first := one(t, c)
				time.Sleep(interval)
				if _, err := first(t); !errors.Is(err, errOutage) {
					t.Error(err)
				}
			})
			if got := counted(own); got != "spans complete 2\ntraces complete 1" { // none is lost
				t.Errorf("counted\n%s", got)
			}
		})
	})
	t.Run("delta", func(t *testing.T) { // these points are gone
		synctest.Test(t, func(t *testing.T) {
			delta := func(c *Config) { exported(c); c.Metrics.Temporality = "delta" }
			use(t, delta, new(outage), func(c connector.Traces) {
				first := one(t, c)
				time.Sleep(interval)
				if _, err := first(t); !errors.Is(err, errOutage) {
					t.Error(err)
				}
			})
		})
	})
	t.Run("cumulative", func(t *testing.T) { // the next export has these points
		synctest.Test(t, func(t *testing.T) {
			var sink consumertest.MetricsSink
			o := &outage{Metrics: &sink}
			use(t, exported, o, func(c connector.Traces) {
				first := one(t, c)
				ctx, cancel := context.WithCancel(t.Context())
				second := answered(ctx, c, request(2, "GET /carts"))
				time.Sleep(interval + time.Second)
				cancel() // it cannot wait longer
				if _, err := second(t); !errors.Is(err, errOutage) {
					t.Error(err)
				}
				o.over.Store(true)
				time.Sleep(interval)
				if took, err := first(t); took != 2*interval || err != nil {
					t.Errorf("returned after %v, %v", took, err)
				}
			})
		})
	})
	t.Run("at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var last, late func(*testing.T) (time.Duration, error)
			var stopped connector.Traces
			use(t, exported, new(outage), func(c connector.Traces) {
				last, stopped = one(t, c), c
				synctest.Wait()
			})
			if _, err := last(t); !errors.Is(err, errOutage) {
				t.Error(err)
			}
			late = one(t, stopped)
			if _, err := late(t); !errors.Is(err, errStopped) {
				t.Error(err)
			}
		})
	})
}

// Many callers wait at the same time, and some give up. Each gets its answer once.
func TestAcknowledgesManyCallers(t *testing.T) {
	var sink consumertest.MetricsSink
	change := func(c *Config) {
		exported(c)
		c.Wait, c.MaxTraces, c.Metrics.FlushInterval = time.Millisecond, 20, time.Millisecond
	}
	use(t, change, &sink, func(c connector.Traces) {
		var callers sync.WaitGroup
		for i := range uint64(8) {
			callers.Go(func() {
				for id := range uint64(100) {
					ctx, cancel := context.WithCancel(t.Context())
					if id%3 == 0 {
						cancel()
					}
					spans := otlp.Traces(request(id, "GET /books"), request(1000*i+id, "GET /books"))
					if err := c.ConsumeTraces(ctx, spans); err != nil {
						t.Error(err)
					}
					cancel()
				}
			})
		}
		callers.Wait()
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
	durations := m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram()
	for _, p := range durations.DataPoints().All() {
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
