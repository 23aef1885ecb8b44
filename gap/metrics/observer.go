package metrics

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxComponents = 50
	exemplarEvery = time.Second // for each classic bucket of a histogram

	otherName   = "other"
	unknownName = "unknown" // of an operation or component whose name is empty
)

// buckets are the bounds of the classic buckets, in seconds.
var buckets = []float64{
	.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
}

// observer counts local roots and their spans. Only the goroutine of the observation uses its maps.
// A scrape only reads the metrics.
type observer struct {
	localRoots, missing, overflow           prometheus.Counter
	operationCount, operationLimit          prometheus.Gauge
	durations, selfTimes, criticalSelfTimes *prometheus.HistogramVec
	calls, waits                            *prometheus.CounterVec

	operations byName[operation]
	components byName[component]
}

// operation has the histograms of one operation.
type operation struct{ duration, selfTime, criticalSelfTime histogram }

// component has the counters of the calls of one component.
type component struct{ calls, waits prometheus.Counter }

func newObserver(maxOperations int) *observer {
	o := &observer{
		localRoots: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gaptrace_local_roots_total",
			Help: "Sampled requests and jobs that were analyzed. All histograms are of their spans.",
		}),
		missing: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gaptrace_missing_spans_total",
			Help: "Spans that the analysis did not have, because they outlived their local root or were too many. Their time is counted as self time of their parents.",
		}),
		overflow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gaptrace_other_spans_total",
			Help: `Spans that are in operation="other", because gaptrace_operations had reached its limit.`,
		}),
		operationCount: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gaptrace_operations",
			Help: "Operations with histograms of their own.",
		}),
		operationLimit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gaptrace_operations_limit",
			Help: `The most operations with histograms of their own. Further ones are in operation="other".`,
		}),
		durations: newHistograms("gaptrace_duration_seconds",
			"Duration of a span."),
		selfTimes: newHistograms("gaptrace_self_time_seconds",
			"Time of a span that none of its calls covers. Spans of clients have none."),
		criticalSelfTimes: newHistograms("gaptrace_critical_self_time_seconds",
			"Part of a span's self time on the critical path of its local root."),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gaptrace_calls_total",
			Help: "Calls of clients in sampled traces.",
		}, []string{"component"}),
		waits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gaptrace_wait_seconds_total",
			Help: "Time for which callers waited in calls of clients in sampled traces. Calls that run at the same time all count.",
		}, []string{"component"}),
	}
	o.operationLimit.Set(float64(maxOperations))
	o.operations = byName[operation]{max: maxOperations, add: func(label string) *operation {
		return &operation{
			duration:         histogram{vec: o.durations, label: label},
			selfTime:         histogram{vec: o.selfTimes, label: label},
			criticalSelfTime: histogram{vec: o.criticalSelfTimes, label: label},
		}
	}}
	o.components = byName[component]{max: maxComponents, add: func(label string) *component {
		return &component{o.calls.WithLabelValues(label), o.waits.WithLabelValues(label)}
	}}
	return o
}

func newHistograms(name, help string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:                            name,
		Help:                            help + ` Only sampled traces are seen. Operations over the limit are in operation="other".`,
		Buckets:                         buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"operation"})
}

func (o *observer) metrics() []prometheus.Collector {
	return []prometheus.Collector{
		o.localRoots, o.missing, o.overflow, o.operationCount, o.operationLimit,
		o.durations, o.selfTimes, o.criticalSelfTimes, o.calls, o.waits,
	}
}

// observe counts the spans of a local root, see tracer.Recorder.Observe.
func (o *observer) observe(spans []gap.Span) {
	t, _ := gap.Build(spans)
	from := origin{now: time.Now(), trace: t.ID()}
	for n := range t.Nodes() {
		if n.Depth() == 0 && parent(n.Span()) == parent(&spans[0]) { // several may share one extracted context
			o.localRoots.Inc()
		}
		of, isNew := o.operations.get(n.Span().Operation)
		if of == o.operations.other {
			o.overflow.Inc()
		} else if isNew {
			o.operationCount.Inc()
		}
		of.duration.observe(n.Duration(), &from)
		if n.Kind() == gap.KindClient {
			o.observeCall(n)
			continue
		}
		self, critical := n.SelfTimes()
		of.selfTime.observe(self, &from)
		of.criticalSelfTime.observe(critical, &from)
	}
	for _, tag := range spans[0].Tags {
		if tag.Key == tracer.DroppedSpansTag || tag.Key == tracer.UnfinishedSpansTag {
			o.missing.Add(float64(positive(tag.Value)))
		}
	}
}

// parent returns the parent of a local root: its first ChildOf reference, or else the first one.
func parent(root *gap.Span) gap.SpanID {
	for _, ref := range root.References {
		if ref.Type == gap.ChildOf {
			return ref.SpanID
		}
	}
	if len(root.References) > 0 {
		return root.References[0].SpanID
	}
	return 0
}

// observeCall counts the call of a client, unless n is one of its later waits.
func (o *observer) observeCall(n gap.Node) {
	if n.Call() != n {
		return
	}
	name, waited := "", n.Duration().Seconds()
	for _, tag := range n.Span().Tags {
		switch tag.Key {
		case "component":
			name, _ = tag.Value.(string)
		case "wait.us": // of the call and its later waits, without joined time
			waited = float64(positive(tag.Value)) / 1e6
		}
	}
	of, _ := o.components.get(name)
	of.calls.Inc()
	of.waits.Add(waited)
}

// positive returns the value of a tag, which a program may have set to anything, or 0.
func positive(value any) int64 {
	n, _ := value.(int64)
	return max(n, 0)
}

// byName has a T for each of the first max names, and one for all others.
type byName[T any] struct {
	max   int
	add   func(label string) *T
	names map[string]*T
	other *T // nil until it is needed
}

// get returns the T of a name, and whether the name is new.
func (b *byName[T]) get(name string) (t *T, isNew bool) {
	if t := b.names[name]; t != nil {
		return t, false
	}
	if len(b.names) == b.max {
		if b.other == nil {
			b.other = b.add(otherName)
		}
		return b.other, false
	}
	if b.names == nil {
		b.names = map[string]*T{}
	}
	t = b.add(labelOf(name))
	b.names[strings.Clone(name)] = t // it shares memory with other names of its span
	return t, true
}

// labelOf returns name as the value of a label. Prometheus drops a label whose value is empty.
func labelOf(name string) string { return cmp.Or(printable.Name(name), unknownName) }

// origin is where observations come from.
type origin struct {
	now    time.Time
	trace  gap.TraceID
	labels prometheus.Labels // of exemplars; nil until it is needed
}

// histogram counts durations, with exemplars. The series is made by the first observation.
type histogram struct {
	vec   *prometheus.HistogramVec
	label string

	series prometheus.ExemplarObserver
	next   []time.Time // by classic bucket: when it gets its next exemplar
}

// observe counts d. An exemplar costs several times as much as an observation without one, so each
// bucket gets one in a second: a rare slow span always has one.
func (h *histogram) observe(d time.Duration, from *origin) {
	if h.series == nil {
		h.series = h.vec.WithLabelValues(h.label).(prometheus.ExemplarObserver)
		h.next = make([]time.Time, len(buckets)+1)
	}
	seconds := d.Seconds()
	bucket, _ := slices.BinarySearch(buckets, seconds)
	if from.now.Before(h.next[bucket]) {
		h.series.(prometheus.Observer).Observe(seconds)
		return
	}
	h.next[bucket] = from.now.Add(exemplarEvery)
	if from.labels == nil {
		from.labels = prometheus.Labels{"trace_id": from.trace.String()}
	}
	h.series.ObserveWithExemplar(seconds, from.labels)
}
