package gapconnector

import (
	"context"
	"slices"
	"sync"
	"time"
	"unsafe"

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
	tags      read.Option
	waiting   *buffer[[][]gap.Span] // parts of batches
	points    *aggregation

	overflowed sync.Once // that the limit is exceeded was logged
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
		stopping: make(chan struct{}),
	}
	if id, ok := set.Resource.Attributes().Get("service.instance.id"); ok {
		c.instance = id
	}
	var keys []string
	for _, d := range config.Metrics.Dimensions {
		keys = append(keys, d.Name)
	}
	c.tags = read.WithTags(keys...)
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
				c.export(context.Background())
			}
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
		c.export(ctx)
	})
	return nil
}

// ConsumeTraces takes spans. It returns no error, since the traces are analyzed later.
func (c *toMetrics) ConsumeTraces(_ context.Context, traces ptrace.Traces) error {
	spans := otlp.Spans(traces, c.tags)
	c.waiting.lock()
	defer c.waiting.unlock()
	var process *gap.Process // of the last span
	for len(spans) > 0 {
		id := spans[0].TraceID
		t := c.waiting.trace(id)
		n := 0
		for ; n < len(spans) && spans[n].TraceID == id; n++ {
			bytes := memory(&spans[n])
			if p := spans[n].Process; p != process { // the spans of a resource share it
				process = p
				bytes += processMemory(p)
			}
			c.waiting.grew(t, bytes)
		}
		t.content = append(t.content, spans[:n:n])
		spans = spans[n:]
	}
	return nil
}

// memory estimates the memory of a span without its process.
func memory(s *gap.Span) int64 {
	return int64(unsafe.Sizeof(*s)) + int64(len(s.Operation)) + fieldsMemory(s.Tags) + int64(len(s.References))*32
}

// processMemory estimates the memory of a process, which may be nil.
func processMemory(p *gap.Process) int64 {
	if p == nil {
		return 0
	}
	return int64(unsafe.Sizeof(*p)) + int64(len(p.Service)) + fieldsMemory(p.Tags)
}

func fieldsMemory(fields []gap.Field) (sum int64) {
	for i := range fields {
		sum += 64 + int64(len(fields[i].Key))
		switch value := fields[i].Value.(type) {
		case string:
			sum += int64(len(value))
		case []byte:
			sum += int64(len(value))
		}
	}
	return sum
}

// joins has the memory in which the parts of a trace are joined. Without it, a span would take
// nearly twice as much allocation.
var joins = sync.Pool{New: func() any { return new([]gap.Span) }}

// analyze adds the spans that waited to the metrics.
func (c *toMetrics) analyze(t *waiting[[][]gap.Span]) {
	spans := t.content[0]
	if len(t.content) > 1 {
		joined := joins.Get().(*[]gap.Span)
		defer func() {
			clear(*joined) // or what the spans point to would stay in memory
			joins.Put(joined)
		}()
		*joined = (*joined)[:0]
		for _, part := range t.content {
			*joined = append(*joined, part...)
		}
		spans = *joined
	}
	if t.several {
		slices.SortStableFunc(spans, func(a, b gap.Span) int { return a.TraceID.Compare(b.TraceID) })
	}
	for trace := range t.traces(spans) {
		c.telemetry.analyzed(len(trace), t.outcome)
		built, _ := gap.Build(trace)
		if over := c.points.add(built); over > 0 {
			c.telemetry.overflow.Add(context.Background(), int64(over), c.telemetry.attributes)
			c.overflowed.Do(func() {
				c.logger.Warn("more combinations of attributes than metrics::cardinality_limit: "+
					"further ones are added up in a data point with the attribute "+overflow,
					zap.Int("limit", c.config.Metrics.CardinalityLimit))
			})
		}
	}
}

// export exports the metrics.
func (c *toMetrics) export(ctx context.Context) {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	if c.instance != (pcommon.Value{}) {
		c.instance.CopyTo(resource.Resource().Attributes().PutEmpty("collector.instance.id"))
	}
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("github.com/gaptrace/gaptrace/collector/gapconnector")
	c.points.export(scope.Metrics())
	if scope.Metrics().Len() == 0 {
		return
	}
	spans := int64(0)
	if c.points.delta() { // cumulative ones are in the next export, too
		for _, p := range scope.Metrics().At(0).ExponentialHistogram().DataPoints().All() {
			spans += int64(p.Count())
		}
	}
	if err := c.next.ConsumeMetrics(ctx, metrics); err != nil {
		c.telemetry.lost(spans)
		c.logger.Error("the metrics were not exported", zap.Error(err))
	}
}
