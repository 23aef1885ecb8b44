package diff

import (
	"cmp"
	"math"
	"slices"
	"time"

	"golang.org/x/perf/benchmath"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/sample"
)

// DefaultAlpha is the usual significance level.
const DefaultAlpha = 0.05

// Diff is the result of comparing two sets of traces.
type Diff struct {
	By            string // the tag that splits operations, or ""
	Alpha         float64
	Before, After Total
	Trace         Change   // of the durations of traces
	Places        []Row    // the most changed first, see Row.Kind and Row.Cost
	Warnings      []string // why the result may mislead
}

// Total describes one of the sets of traces.
type Total struct {
	Traces, Spans         int
	Incomplete, SeenAgain int           // numbers of traces
	Critical              time.Duration // self time on the critical path, per trace
	Duration              Median        // of a trace
}

// Row is a place in both sets of traces.
type Row struct {
	Place
	Kind          Kind
	Before, After Measured
	Time          Change        // of the self time at the place
	Occurs        float64       // the p-value of how often the place occurs; 1 if that cannot be tested
	Often         bool          // how often it occurs changed
	Cost          time.Duration // After.Critical - Before.Critical
}

// Measured is what one of the sets of traces has at a place.
type Measured struct {
	Operations int64 // spans of the operation
	Spans      int64 // those of them that have the place
	Traces     int64 // traces that have the place
	Time       Median
	Critical   time.Duration // self time on the critical path, per trace
}

// Share returns the part of the operation's spans that have the place, from 0 to 1.
func (m Measured) Share() float64 {
	if m.Operations == 0 {
		return 0
	}
	return float64(m.Spans) / float64(m.Operations)
}

// Median is the median of a sample, with its confidence interval.
type Median struct {
	N         int           // size of the sample; the other fields are 0 if it is 0
	Center    time.Duration // the median
	Low, High time.Duration // bounds of the confidence interval; both are 0 if the sample is too small for one
}

// Bounded reports whether the sample is large enough for a confidence interval.
func (m Median) Bounded() bool { return m.N >= minValues }

// minValues is how many values the confidence interval of a median needs, at 95 %.
const minValues = 6

// Change is the difference between two samples.
type Change struct {
	P           float64 // how likely it is that samples of the same distribution differ this much; 1 if unknown
	Ratio       float64 // the median after divided by the one before; NaN if one of them is missing, or both are 0
	Significant bool
}

// Kind says how a place changed.
type Kind int

const (
	Same     Kind = iota // no significant change
	Changed              // its self time changed, or how often it occurs
	New                  // it occurs only after
	Vanished             // it occurs only before
)

// String returns the kind as the JSON has it.
func (k Kind) String() string { return [...]string{"same", "changed", "new", "vanished"}[k] }

// Compare compares two sets of traces. Of the places that it reports as changed, it expects at most
// the part alpha to be wrong. If no place changed, it reports none with a probability of at least
// 1-alpha. Both sides must have been made for the same tag.
func Compare(before, after *Side, alpha float64) *Diff {
	c := comparer{before, after, &benchmath.Thresholds{CompareAlpha: alpha}, nil}
	d := &Diff{By: before.by, Alpha: alpha}
	d.Before.Duration, d.After.Duration, d.Trace = c.samples(&before.durations, &after.durations)
	d.Trace.Significant = d.Trace.P <= alpha && d.Before.Duration.Bounded() && d.After.Duration.Bounded()
	before.total(&d.Before)
	after.total(&d.After)
	for place := range before.places {
		d.Places = append(d.Places, c.row(place))
	}
	for place := range after.places {
		if before.places[place] == nil {
			d.Places = append(d.Places, c.row(place))
		}
	}
	limit := falseDiscoveryLimit(c.tested, alpha)
	for i := range d.Places {
		d.Places[i].judge(limit)
	}
	slices.SortFunc(d.Places, compareRows)
	d.Warnings = d.warnings(before, after)
	return d
}

// falseDiscoveryLimit returns the highest p-value to call significant, by the rule of Benjamini and
// Hochberg: the k-th lowest of n must be at most alpha·k/n. With a limit of alpha for each, one of
// twenty places would look changed by chance. It returns -1 for none.
func falseDiscoveryLimit(tested []float64, alpha float64) float64 {
	slices.Sort(tested)
	for k, p := range slices.Backward(tested) {
		if p <= alpha*float64(k+1)/float64(len(tested)) {
			return p
		}
	}
	return -1
}

func (s *Side) total(t *Total) {
	t.Traces, t.Spans, t.Incomplete, t.SeenAgain = s.traces, s.spans, s.incomplete, s.seenAgain
	t.Critical = s.perTrace(s.critical)
}

type comparer struct {
	before, after *Side
	thresholds    *benchmath.Thresholds
	tested        []float64 // the p-values of all tests that could find a change
}

func (c *comparer) row(p Place) Row {
	var none placeSum
	before, after := cmp.Or(c.before.places[p], &none), cmp.Or(c.after.places[p], &none)
	r := Row{Place: p, Before: c.before.measured(p, before), After: c.after.measured(p, after)}
	r.Before.Time, r.After.Time, r.Time = c.samples(&before.values, &after.values)
	r.Cost = r.After.Critical - r.Before.Critical
	n1, n2 := c.before.tracesWith(p.Operation), c.after.tracesWith(p.Operation)
	if n1 == 0 || n2 == 0 { // all traces can say whether the operation itself is new
		n1, n2 = int64(c.before.traces), int64(c.after.traces)
	}
	r.Occurs = fisher(before.traces, n1, after.traces, n2)
	if r.testsTime() {
		c.tested = append(c.tested, r.Time.P)
	}
	if fisherAtBest(before.traces+after.traces, n1, n2) <= c.thresholds.CompareAlpha {
		c.tested = append(c.tested, r.Occurs)
	}
	return r
}

// testsTime reports whether both samples are large enough for a test.
func (r *Row) testsTime() bool { return r.Before.Time.Bounded() && r.After.Time.Bounded() }

// judge says what changed: that whose p-value is at most limit.
func (r *Row) judge(limit float64) {
	r.Time.Significant = r.testsTime() && r.Time.P <= limit
	r.Often = r.Occurs <= limit
	switch {
	case r.Often && r.Before.Traces == 0:
		r.Kind = New
	case r.Often && r.After.Traces == 0:
		r.Kind = Vanished
	case r.Often || r.Time.Significant:
		r.Kind = Changed
	}
}

// tracesWith returns how many traces have the operation.
func (s *Side) tracesWith(o Operation) int64 {
	if sum := s.operations[o]; sum != nil {
		return sum.traces
	}
	return 0
}

func (s *Side) measured(p Place, sum *placeSum) Measured {
	m := Measured{Spans: sum.spans, Traces: sum.traces, Critical: s.perTrace(sum.critical)}
	if o := s.operations[p.Operation]; o != nil {
		m.Operations = o.spans
	}
	return m
}

// samples compares two samples.
func (c *comparer) samples(before, after *sample.Sample) (b, a Median, change Change) {
	x, y := c.sample(before), c.sample(after)
	b, a = median(x), median(y)
	change = Change{P: 1, Ratio: math.NaN()}
	if b.N == 0 || a.N == 0 {
		return b, a, change
	}
	change.Ratio = float64(a.Center) / float64(b.Center)
	// The test fails if all values are equal, and reports no difference then.
	change.P = benchmath.AssumeNothing.Compare(x, y).P
	return b, a, change
}

func (c *comparer) sample(s *sample.Sample) *benchmath.Sample {
	values := make([]float64, 0, s.Len())
	for _, v := range s.Values() {
		values = append(values, float64(v))
	}
	return benchmath.NewSample(values, c.thresholds)
}

func median(s *benchmath.Sample) (m Median) {
	if m.N = len(s.Values); m.N == 0 {
		return m
	}
	const confidence = 0.95
	summary := benchmath.AssumeNothing.Summary(s, confidence)
	m.Center = time.Duration(math.Round(summary.Center))
	if m.Bounded() {
		m.Low, m.High = time.Duration(math.Round(summary.Lo)), time.Duration(math.Round(summary.Hi))
	}
	return m
}

// compareRows orders what changed before what did not, then by the size of the cost. The rest makes
// the order the same every time.
func compareRows(a, b Row) int {
	number := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(number(a.Kind == Same), number(b.Kind == Same)), cmp.Compare(b.Cost.Abs(), a.Cost.Abs()),
		cmp.Compare(b.Before.Time.Center+b.After.Time.Center, a.Before.Time.Center+a.After.Time.Center),
		cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.TagValue, b.TagValue),
		a.Position.Compare(b.Position), cmp.Compare(number(a.Tagged), number(b.Tagged)),
	)
}
