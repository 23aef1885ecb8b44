package budget

import (
	"math"
	"strings"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/sample"
	"github.com/gaptrace/gaptrace/gap"
)

// maxValues is how many spans of an operation are sampled for quantiles. With fewer spans,
// quantiles are exact. With more, the p95 of the sample is between the p94.6 and the p95.4 of all
// spans, with a confidence of 95 %.
const maxValues = 10_000

// operation identifies an operation of a service.
type operation struct{ service, name string }

// Measures measures the operations of traces. Create it by [NewMeasures].
type Measures struct {
	file          *File           // nil if all operations are of interest
	sampled       map[Metric]bool // the metrics that limits are about
	traces, spans int
	self          float64                 // of all operations; a sum of integers
	operations    map[operation]*measured // nil for those that no budget is about
}

// measured is what a Measures keeps for an operation.
type measured struct {
	operation
	count   int64
	metrics [Duration + 1]metric
}

// metric is what is known about one metric of an operation, in nanoseconds.
type metric struct {
	sum    float64
	min    int64
	max    int64
	worst  gap.TraceID // of the span with max; of several the lowest
	values sample.Sample
}

// NewMeasures returns an empty Measures for the budgets of f, or for [Propose] if f is nil.
func NewMeasures(f *File) *Measures {
	m := &Measures{file: f, sampled: map[Metric]bool{}, operations: map[operation]*measured{}}
	if f == nil {
		m.sampled[Self], m.sampled[Critical] = true, true
		return m
	}
	for _, b := range f.Budgets {
		for _, l := range b.Limits {
			m.sampled[l.Metric] = true
		}
	}
	return m
}

// Count returns the number of traces that were added, and of their spans.
func (m *Measures) Count() (traces, spans int) { return m.traces, m.spans }

// Add adds a trace.
func (m *Measures) Add(t *gap.Trace) {
	if t.Len() == 0 {
		return
	}
	m.traces++
	m.spans += t.Len()
	for n := range t.Nodes() {
		self := int64(n.SelfTime())
		m.self += float64(self)
		o := m.operation(operation{n.Service(), n.Span().Operation})
		if o == nil {
			continue
		}
		o.count++
		hash := sample.Hash(t.ID(), n.Span().SpanID)
		for i, value := range []int64{Self: self, Critical: int64(n.CriticalTime()), Duration: int64(n.Duration())} {
			o.metrics[i].add(t.ID(), hash, value, o.count == 1)
		}
	}
}

// operation returns the measured values of an operation, or nil if no budget is about it.
func (m *Measures) operation(key operation) *measured {
	o, known := m.operations[key]
	if known {
		return o
	}
	key = operation{strings.Clone(key.service), strings.Clone(key.name)} // not the whole file's memory
	if m.file == nil || m.file.isAbout(key) {
		o = &measured{operation: key}
		for i := range o.metrics {
			if m.sampled[Metric(i)] {
				o.metrics[i].values.Most = maxValues
			}
		}
	}
	m.operations[key] = o
	return o
}

func (x *metric) add(trace gap.TraceID, hash uint64, value int64, first bool) {
	switch {
	case first:
		x.min, x.max, x.worst = value, value, trace
	case value > x.max || value == x.max && trace.Compare(x.worst) < 0:
		x.max, x.worst = value, trace
	}
	x.min = min(x.min, value)
	x.sum += float64(value)
	x.values.Add(hash, value)
}

// value returns what a limit is compared with.
func (o *measured) value(l Limit, self float64) (value float64, worst gap.TraceID) {
	if l.Metric == Share {
		x := &o.metrics[Self]
		if self == 0 {
			return 0, x.worst
		}
		return x.sum / self, x.worst
	}
	x := &o.metrics[l.Metric]
	switch l.stat {
	case mean:
		return x.sum / float64(o.count), x.worst
	case minimum:
		return float64(x.min), x.worst
	case maximum:
		return float64(x.max), x.worst
	}
	return x.quantile(l.stat), x.worst
}

// quantile returns the value that a part q of the sample does not exceed.
func (x *metric) quantile(q float64) float64 {
	values := x.values.Values()
	if len(values) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(values))))
	return float64(values[min(max(rank, 1), len(values))-1])
}

func (f *File) isAbout(o operation) bool {
	for i := range f.Budgets {
		if f.Budgets[i].matches(o) {
			return true
		}
	}
	return false
}

func (b *Budget) matches(o operation) bool {
	return (b.Service == "" || matches(b.Service, o.service)) && matches(b.Operation, o.name)
}

// matches reports whether a name matches a pattern, in which * stands for any text, and \* for *.
func matches(pattern, name string) bool {
	first, rest, ok := cutStar(pattern)
	if !ok {
		return name == first
	}
	if name, ok = strings.CutPrefix(name, first); !ok {
		return false
	}
	for {
		part, more, ok := cutStar(rest)
		if !ok { // the last part is at the end
			return strings.HasSuffix(name, part)
		}
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name, rest = name[at+len(part):], more
	}
}

// cutStar cuts a pattern at the first * that stands for any text. In part, it has replaced \* by *.
func cutStar(pattern string) (part, rest string, ok bool) {
	for {
		text, rest, ok := strings.Cut(pattern, "*")
		before, escaped := strings.CutSuffix(text, `\`)
		if !ok || !escaped {
			return part + text, rest, ok
		}
		part, pattern = part+before+"*", rest
	}
}

// exactly returns the pattern that only this name matches.
func exactly(name string) string { return strings.ReplaceAll(name, "*", `\*`) }
