package gapconnector

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/lightstep/go-expohisto/structure"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Attributes of the data points.
const (
	serviceName = "service.name"
	spanName    = "span.name"
	overflow    = "otel.metric.overflow" // as in OpenTelemetry's SDKs
)

// Bounds of MetricsConfig.MaxBuckets.
const (
	minBuckets = structure.MinSize
	maxBuckets = structure.MaximumMaxSize
)

// instruments are the histograms of a series.
var instruments = [...]struct{ name, description string }{
	{"gaptrace.duration", "The time from the start of a span to its end."},
	{"gaptrace.self_time", "The time in which no child of a span ran. It is zero for clients."},
	{"gaptrace.critical_self_time", "The part of the self time on the critical path of its trace."},
}

// aggregation adds up spans into data points.
type aggregation struct {
	config     *MetricsConfig
	histograms structure.Config

	mu       sync.Mutex
	series   map[string]*series // by the values of its attributes
	overflow *series            // the one of overflowKey, or nil
	key      []byte             // of the current span
	began    time.Time          // the start of the next delta data points
}

// series is a combination of attributes.
type series struct {
	attributes pcommon.Map
	measured   [len(instruments)]measured
	began      time.Time
	last       time.Time // when a span was added
}

// measured is the data of an instrument.
type measured struct {
	histogram structure.Float64 // of seconds
	exemplars []exemplar
}

type exemplar struct {
	trace gap.TraceID
	span  gap.SpanID
	value float64
	at    time.Time
}

func newAggregation(config *MetricsConfig) *aggregation {
	return &aggregation{
		config: config, histograms: structure.NewConfig(structure.WithMaxSize(config.MaxBuckets)),
		series: map[string]*series{}, began: time.Now(),
	}
}

// add adds the spans of a trace. It returns how many are beyond the limit of combinations.
func (a *aggregation) add(t *gap.Trace) (over int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now() // after the time of the last export
	for n := range t.Nodes() {
		s := a.seriesOf(n, now)
		if s == a.overflow {
			over++
		}
		s.last = now
		self, critical := n.SelfTimes()
		for i, value := range [...]time.Duration{n.Duration(), self, critical} {
			m, value := &s.measured[i], value.Seconds()
			m.histogram.Update(value)
			if len(m.exemplars) < a.config.MaxExemplars {
				m.exemplars = append(m.exemplars, exemplar{t.ID(), n.Span().SpanID, value, n.End()})
			}
		}
	}
	return over
}

// overflowKey is the key of the series for spans beyond the limit. Other keys are not empty.
const overflowKey = ""

// seriesOf returns the series of a span.
func (a *aggregation) seriesOf(n gap.Node, now time.Time) *series {
	a.key = appendText(appendText(a.key[:0], n.Service()), n.Span().Operation)
	for i := range a.config.Dimensions {
		if value, ok := a.dimension(i, n.Span()); ok {
			a.key = appendText(append(a.key, '='), value)
		} else {
			a.key = append(a.key, '-')
		}
	}
	if s := a.series[string(a.key)]; s != nil {
		return s
	}
	key, attributes := string(a.key), pcommon.NewMap()
	if len(a.series) >= a.config.CardinalityLimit {
		if a.overflow != nil {
			return a.overflow
		}
		key = overflowKey
		attributes.PutBool(overflow, true)
	} else {
		attributes.PutStr(serviceName, n.Service())
		attributes.PutStr(spanName, n.Span().Operation)
		for i, d := range a.config.Dimensions {
			if value, ok := a.dimension(i, n.Span()); ok {
				attributes.PutStr(d.Name, value)
			}
		}
	}
	s := &series{attributes: attributes, began: now}
	if a.delta() {
		s.began = a.began
	}
	for i := range s.measured {
		s.measured[i].histogram.Init(a.histograms)
	}
	a.series[key] = s
	if key == overflowKey {
		a.overflow = s
	}
	return s
}

// dimension returns the value that a span has for a dimension.
func (a *aggregation) dimension(i int, span *gap.Span) (value string, ok bool) {
	d := &a.config.Dimensions[i]
	if value, ok = span.Tag(d.Name); ok {
		return value, true
	}
	if span.Process != nil {
		resource := gap.Span{Tags: span.Process.Tags}
		if value, ok = resource.Tag(d.Name); ok {
			return value, true
		}
	}
	if d.Default != nil {
		return *d.Default, true
	}
	return "", false
}

// appendText appends a text with its length, so that no other sequence of texts gives the same
// bytes.
func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func (a *aggregation) delta() bool {
	return temporalities[a.config.Temporality] == pmetric.AggregationTemporalityDelta
}

// export writes the data points to metrics, and returns their time. With delta temporality, it
// forgets them.
func (a *aggregation) export(metrics pmetric.MetricSlice) (now time.Time) {
	now = time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.series) == 0 {
		a.began = now
		return now
	}
	for i := range instruments {
		metric := metrics.AppendEmpty()
		metric.SetName(instruments[i].name)
		metric.SetDescription(instruments[i].description)
		metric.SetUnit("s")
		histogram := metric.SetEmptyExponentialHistogram()
		histogram.SetAggregationTemporality(temporalities[a.config.Temporality])
		points := histogram.DataPoints()
		points.EnsureCapacity(len(a.series))
		for _, s := range a.series {
			point := points.AppendEmpty()
			s.attributes.CopyTo(point.Attributes())
			point.SetStartTimestamp(pcommon.NewTimestampFromTime(s.began))
			point.SetTimestamp(pcommon.NewTimestampFromTime(now))
			s.measured[i].export(point)
		}
	}
	if a.delta() {
		clear(a.series)
		a.overflow = nil
	}
	a.began = now
	return now
}

// expire forgets the combinations of attributes that had expired at the time of an export. The
// export must have succeeded, since earlier ones may have failed.
func (a *aggregation) expire(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, s := range a.series {
		if a.config.Expiration > 0 && at.Sub(s.last) >= a.config.Expiration {
			delete(a.series, key)
		}
	}
	a.overflow = a.series[overflowKey]
}

// export writes the data of an instrument, and forgets the exemplars.
func (m *measured) export(point pmetric.ExponentialHistogramDataPoint) {
	h := &m.histogram
	point.SetCount(h.Count())
	point.SetSum(h.Sum())
	point.SetMin(h.Min())
	point.SetMax(h.Max())
	point.SetZeroCount(h.ZeroCount())
	point.SetScale(h.Scale())
	point.Positive().SetOffset(h.Positive().Offset())
	counts := point.Positive().BucketCounts()
	counts.EnsureCapacity(int(h.Positive().Len()))
	for i := range h.Positive().Len() {
		counts.Append(h.Positive().At(i))
	}
	for _, e := range m.exemplars {
		made := point.Exemplars().AppendEmpty()
		made.SetTraceID(traceID(e.trace))
		made.SetSpanID(spanID(e.span))
		made.SetDoubleValue(e.value)
		made.SetTimestamp(pcommon.NewTimestampFromTime(e.at))
	}
	m.exemplars = m.exemplars[:0]
}

func traceID(id gap.TraceID) (b pcommon.TraceID) {
	binary.BigEndian.PutUint64(b[:8], id.High)
	binary.BigEndian.PutUint64(b[8:], id.Low)
	return b
}

func spanID(id gap.SpanID) (b pcommon.SpanID) {
	binary.BigEndian.PutUint64(b[:], uint64(id))
	return b
}
