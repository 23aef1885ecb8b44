package gapconnector

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
)

// toMetrics is the connector from a pipeline of traces to one of metrics.
type toMetrics struct {
	config    *Config
	next      consumer.Metrics
	logger    *zap.Logger
	telemetry telemetry
	instance  pcommon.Value
	spans     func(ptrace.Traces) iter.Seq[*gap.Span] // converts batches
	waiting   *buffer[[][]kept]                       // parts of batches
	points    *aggregation

	unexported receipts      // of traces that points has, but that are not exported
	mu         sync.Mutex    // guards unexported, unless analyzing is locked for writing
	analyzing  sync.RWMutex  // locked for reading while a trace is added to points and unexported
	urgent     chan struct{} // holds an element if export must not wait for the next interval

	overflowed sync.Once // logs that the limit is exceeded
	stopping   chan struct{}
	once       sync.Once // closes stopping
	stopped    sync.WaitGroup
}

func newToMetrics(set connector.Settings, config *Config, next consumer.Metrics) (*toMetrics, error) {
	t, err := newTelemetry(set, "metrics")
	if err != nil {
		return nil, err
	}
	c := &toMetrics{
		config: config, next: next, logger: set.Logger, telemetry: t, points: newAggregation(&config.Metrics),
		urgent: make(chan struct{}, 1), stopping: make(chan struct{}),
	}
	if id, ok := set.Resource.Attributes().Get("service.instance.id"); ok {
		c.instance = id
	}
	var keys []string
	for _, d := range config.Metrics.Dimensions {
		keys = append(keys, d.Name)
	}
	c.spans = otlp.Converter(read.WithTags(keys...))
	c.waiting = newBuffer(config, c.analyze)
	return c, nil
}

// Capabilities says that the connector leaves the traces as they are.
func (c *toMetrics) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start starts to release traces and to export metrics.
func (c *toMetrics) Start(context.Context, component.Host) error {
	c.waiting.start()
	c.stopped.Go(func() {
		ticker := time.NewTicker(c.config.Metrics.FlushInterval)
		defer ticker.Stop()
		for {
			select {
			case <-c.stopping:
				return
			case <-ticker.C:
			case <-c.urgent:
			}
			c.export(context.Background(), false)
		}
	})
	return nil
}

// Shutdown analyzes what waits, and exports the metrics.
func (c *toMetrics) Shutdown(ctx context.Context) error {
	c.once.Do(func() {
		c.waiting.stop()
		close(c.stopping)
		c.stopped.Wait()
		c.export(ctx, true)
		close(c.waiting.ended)
	})
	return nil
}

// ConsumeTraces takes spans. It returns an error only with Acknowledge "exported", since otherwise
// the traces are analyzed after it returns.
func (c *toMetrics) ConsumeTraces(ctx context.Context, traces ptrace.Traces) error {
	r := c.waiting.newReceipt()
	c.add(traces, r)
	return c.waiting.await(ctx, r, c.hurry)
}

// hurry causes an export at once.
func (c *toMetrics) hurry() {
	select {
	case c.urgent <- struct{}{}:
	default:
	}
}

func (c *toMetrics) add(traces ptrace.Traces, r *receipt) {
	spans := make([]kept, 0, traces.SpanCount())
	for s := range c.spans(traces) {
		spans = append(spans, kept{})
		spans[len(spans)-1].set(s)
	}
	c.waiting.lock()
	defer c.waiting.unlock()
	var process *gap.Process // of the last span
	for len(spans) > 0 {
		id := spans[0].trace
		t := c.waiting.trace(id)
		n := 0
		for ; n < len(spans) && spans[n].trace == id; n++ {
			bytes := spans[n].memory()
			if p := spans[n].process; p != process { // the spans of a resource share it
				process = p
				bytes += processMemory(p)
			}
			c.waiting.grew(t, bytes)
		}
		t.content = append(t.content, spans[:n:n])
		c.waiting.expect(r, t)
		spans = spans[n:]
	}
}

// analyze adds the spans of t to the metrics.
func (c *toMetrics) analyze(t *waiting[[][]kept]) {
	j := joins.Get().(*joined)
	defer j.release()
	for _, part := range t.content {
		for i := range part {
			j.add(&part[i])
		}
	}
	spans := j.spans
	if t.several {
		slices.SortStableFunc(spans, func(a, b gap.Span) int { return a.TraceID.Compare(b.TraceID) })
	}
	c.analyzing.RLock()
	defer c.analyzing.RUnlock()
	for trace := range t.traces(spans) {
		c.telemetry.analyzed(len(trace), t.outcome)
		built, _ := gap.Build(trace)
		over := c.points.add(built)
		built.Release()
		if over > 0 {
			c.telemetry.overflow.Add(context.Background(), int64(over), c.telemetry.attributes)
			c.overflowed.Do(func() {
				c.logger.Warn("more combinations of attributes than metrics::cardinality_limit: "+
					"further ones are added up in a data point with the attribute "+overflow,
					zap.Int("limit", c.config.Metrics.CardinalityLimit))
			})
		}
	}
	if t.receipts != nil { // after their points were added
		c.mu.Lock()
		c.unexported = append(c.unexported, t.receipts...)
		c.mu.Unlock()
	}
	if slices.ContainsFunc(t.receipts, func(r *receipt) bool { return r.urgent.Load() }) {
		c.hurry() // its caller may have done so before the analysis
	}
}

// export exports the metrics. If last is true, there is no further attempt.
func (c *toMetrics) export(ctx context.Context, last bool) {
	exported, err := c.send(ctx)
	if err != nil {
		c.logger.Error("the metrics were not exported", zap.Error(err))
	}
	if err != nil && !last && !c.points.delta() { // the next export has them, too
		var again, urgent receipts
		for _, r := range exported {
			if r.urgent.Load() {
				urgent = append(urgent, r)
			} else {
				again = append(again, r)
			}
		}
		c.mu.Lock()
		c.unexported = append(again, c.unexported...)
		c.mu.Unlock()
		exported = urgent
	}
	exported.settle(err)
}

// send sends the metrics, and returns the receipts of the traces that they have.
func (c *toMetrics) send(ctx context.Context) (receipts, error) {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	if c.instance != (pcommon.Value{}) {
		c.instance.CopyTo(resource.Resource().Attributes().PutEmpty("collector.instance.id"))
	}
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("github.com/gaptrace/gaptrace/collector/gapconnector")
	// Without the lock, spans of a trace could be in delta metrics that are lost, and its receipts
	// in the next export.
	c.analyzing.Lock()
	sent := c.unexported
	c.unexported = nil
	at := c.points.export(scope.Metrics())
	c.analyzing.Unlock()
	if scope.Metrics().Len() == 0 {
		return sent, nil
	}
	err := c.next.ConsumeMetrics(ctx, metrics)
	if err == nil {
		c.points.expire(at)
	}
	if err != nil && c.points.delta() && c.config.Acknowledge == acknowledgeReceived {
		spans := int64(0)
		for _, p := range scope.Metrics().At(0).ExponentialHistogram().DataPoints().All() {
			spans += int64(p.Count())
		}
		c.telemetry.lost(spans)
	}
	return sent, err
}
