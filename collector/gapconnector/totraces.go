package gapconnector

import (
	"context"
	"sort"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
)

// Attributes that spans get.
const (
	selfTimeKey   = "gap.self_time_us"
	criticalKey   = "gap.critical_us"
	incompleteKey = "gap.incomplete"
)

// toTraces is the connector from a pipeline of traces to another one. It adds the results of the
// analysis to the spans.
type toTraces struct {
	next      consumer.Traces
	logger    *zap.Logger
	telemetry telemetry
	waiting   *buffer[assembly]
	once      sync.Once // shuts down
}

func newToTraces(set connector.Settings, config *Config, next consumer.Traces) (*toTraces, error) {
	t, err := newTelemetry(set, "traces")
	if err != nil {
		return nil, err
	}
	c := &toTraces{next: next, logger: set.Logger, telemetry: t}
	c.waiting = newBuffer(config, c.send)
	return c, nil
}

// Capabilities says that the connector changes the traces that it gets.
func (c *toTraces) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// Start starts to release traces.
func (c *toTraces) Start(context.Context, component.Host) error {
	c.waiting.start()
	return nil
}

// Shutdown sends what waits.
func (c *toTraces) Shutdown(context.Context) error {
	c.once.Do(func() {
		c.waiting.stop()
		close(c.waiting.ended)
	})
	return nil
}

// ConsumeTraces takes spans. It returns an error only with Acknowledge "exported", since otherwise
// the traces are sent after it returns.
func (c *toTraces) ConsumeTraces(ctx context.Context, traces ptrace.Traces) error {
	r := c.waiting.newReceipt()
	c.add(traces, r)
	return c.waiting.await(ctx, r, func() {})
}

func (c *toTraces) add(traces ptrace.Traces, r *receipt) {
	analyzed := otlp.Spans(traces, read.WithTags()) // in the same order
	var process *gap.Process
	c.waiting.lock()
	defer c.waiting.unlock()
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				t := c.waiting.trace(analyzed[0].TraceID)
				bytes := memory(&analyzed[0]) + pdataMemory(s)
				p := analyzed[0].Process
				if p != process { // the resource of the batch stays in memory, too
					process = p
					bytes += processMemory(p) + copyMemory(p)
				}
				if t.content.add(analyzed[0], rs, ss, s) {
					bytes += copyMemory(p)
				}
				c.waiting.grew(t, bytes)
				c.waiting.expect(r, t)
				analyzed = analyzed[1:]
			}
		}
	}
}

// pdataMemory estimates the memory of a span of pdata, in addition to what memory counts.
func pdataMemory(s ptrace.Span) int64 {
	var size ptrace.ProtoMarshaler
	return int64(size.SpanSize(s)) + 380 + 64*int64(s.Attributes().Len())
}

// copyMemory estimates the memory of a copy of the resource from which a process was made. The copy
// shares its strings.
func copyMemory(p *gap.Process) int64 {
	if p == nil {
		return 300
	}
	return 300 + 64*int64(len(p.Tags))
}

// assembly is a trace that is assembled from batches.
type assembly struct {
	traces   ptrace.Traces
	spans    []ptrace.Span // of traces
	analyzed []gap.Span    // the same

	resource   ptrace.ResourceSpans // the resource of the last span, in its batch
	scope      ptrace.ScopeSpans    // the scope of the last span, in its batch
	scopesMade ptrace.ScopeSpansSlice
	spansMade  ptrace.SpanSlice // where it is now, in traces
}

// add moves a span out of a batch. It reports whether it has copied the resource.
func (a *assembly) add(analyzed gap.Span, rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, s ptrace.Span) (copied bool) {
	if a.spans == nil {
		a.traces = ptrace.NewTraces()
	}
	if copied = a.spans == nil || a.resource != rs; copied {
		made := a.traces.ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(made.Resource())
		made.SetSchemaUrl(rs.SchemaUrl())
		a.resource, a.scope, a.scopesMade = rs, ptrace.ScopeSpans{}, made.ScopeSpans()
	}
	if a.scope != ss {
		made := a.scopesMade.AppendEmpty()
		ss.Scope().CopyTo(made.Scope())
		made.SetSchemaUrl(ss.SchemaUrl())
		a.scope, a.spansMade = ss, made.Spans()
	}
	made := a.spansMade.AppendEmpty()
	s.MoveTo(made)
	a.spans, a.analyzed = append(a.spans, made), append(a.analyzed, analyzed)
	return copied
}

// Len, Less and Swap are for sorting the spans by their trace.
func (a *assembly) Len() int { return len(a.spans) }

func (a *assembly) Less(i, j int) bool {
	return a.analyzed[i].TraceID.Compare(a.analyzed[j].TraceID) < 0
}

func (a *assembly) Swap(i, j int) {
	a.spans[i], a.spans[j] = a.spans[j], a.spans[i]
	a.analyzed[i], a.analyzed[j] = a.analyzed[j], a.analyzed[i]
}

// send adds the attributes to the spans of t, and sends them.
func (c *toTraces) send(t *waiting[assembly]) {
	a := &t.content
	if t.several {
		sort.Stable(a)
	}
	spans := make(map[*gap.Span]ptrace.Span, len(a.spans))
	for i := range a.analyzed {
		spans[&a.analyzed[i]] = a.spans[i]
	}
	for trace := range t.traces(a.analyzed) {
		c.telemetry.analyzed(len(trace), t.outcome)
		built, _ := gap.Build(trace)
		incomplete := built.Incomplete() || t.outcome != complete
		for n := range built.Nodes() {
			attributes := spans[n.Span()].Attributes()
			self, critical := n.SelfTimes()
			attributes.PutInt(selfTimeKey, self.Microseconds())
			attributes.PutInt(criticalKey, critical.Microseconds())
			if incomplete {
				attributes.PutBool(incompleteKey, true)
			}
		}
		built.Release()
	}
	err := c.next.ConsumeTraces(context.Background(), a.traces)
	t.receipts.settle(err)
	if err != nil && len(t.receipts) == 0 { // otherwise the receiver learns of it
		c.telemetry.lost(int64(t.spans))
		c.logger.Error("a trace was refused", zap.Stringer("trace", t.id), zap.Error(err))
	}
}
