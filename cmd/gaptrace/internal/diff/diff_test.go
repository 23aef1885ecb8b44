package diff_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/diff"
	"github.com/gaptrace/gaptrace/gap"
)

const ms = time.Millisecond

// cart returns a trace of GET /cart: it works for some time, calls get, and works again. A call of
// no time is left out.
//
//	GET /cart |--first--|  get 5 ms  |--then--|  set 5 ms  |--last--|
func cart(id int, first, then, last time.Duration) *gap.Trace {
	process := &gap.Process{Service: "shop", Tags: []gap.Field{{Key: "hostname", Value: "a"}}}
	span := func(n int, name string, start, length time.Duration, tags ...gap.Field) gap.Span {
		s := gap.Span{
			TraceID: gap.TraceID{Low: uint64(id + 1)}, SpanID: gap.SpanID(n), Operation: name, Process: process,
			Start: time.Unix(1_700_000_000, 0).Add(start), Duration: length, Tags: tags,
		}
		if n > 1 {
			s.References = []gap.Reference{{TraceID: s.TraceID, SpanID: 1}}
			s.Tags = append(s.Tags, gap.Field{Key: "span.kind", Value: "client"})
		}
		return s
	}
	const call = 5 * ms
	trace, _ := gap.Build([]gap.Span{
		span(1, "GET /cart", 0, first+call+then+call+last,
			gap.Field{Key: "sampler.type", Value: "const"}, gap.Field{Key: "sampler.param", Value: true}),
		span(2, "get", first, call),
		span(3, "set", first+call+then, call),
	})
	return trace
}

func sideOf(traces ...*gap.Trace) *diff.Side {
	s := diff.NewSide("")
	for _, t := range traces {
		s.Add(t)
	}
	return s
}

// around returns a time within 10 % of d.
func around(r *rand.Rand, d time.Duration) time.Duration {
	return d + time.Duration((r.Float64()-0.5)*0.2*float64(d))
}

func carts(seed uint64, n int, first, then, last time.Duration) (traces []*gap.Trace) {
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		traces = append(traces, cart(int(seed)<<20+i, around(r, first), around(r, then), around(r, last)))
	}
	return traces
}

// places returns the rows by place, and the places in their order.
func places(d *diff.Diff) (rows map[string]diff.Row, order string) {
	rows = map[string]diff.Row{}
	var names []string
	for _, r := range d.Places {
		rows[r.Position.String()] = r
		names = append(names, r.Position.String())
	}
	return rows, strings.Join(names, "; ")
}

func near(got, want time.Duration) bool { return (got - want).Abs() <= want.Abs()/20 }

func TestShiftIsFound(t *testing.T) {
	before := sideOf(carts(1, 300, 2*ms, 3*ms, 4*ms)...)
	after := sideOf(carts(2, 200, 2*ms, 23*ms, 2*ms)...)
	d := diff.Compare(before, after, diff.DefaultAlpha)
	rows, order := places(d)
	if order != "after get, before set; after set; before get" {
		t.Errorf("order: %s", order)
	}
	slower, faster, same := rows["after get, before set"], rows["after set"], rows["before get"]
	if slower.Kind != diff.Changed || faster.Kind != diff.Changed || same.Kind != diff.Same {
		t.Errorf("kinds: %v, %v, %v", slower.Kind, faster.Kind, same.Kind)
	}
	if !near(slower.Before.Time.Center, 3*ms) || !near(slower.After.Time.Center, 23*ms) ||
		!near(slower.Cost, 20*ms) || !near(faster.Cost, -2*ms) {
		t.Errorf("slower: %+v, faster by %v", slower, faster.Cost)
	}
	if m := slower.After.Time; m.N != 200 || m.Low > m.Center || m.High < m.Center || m.Low == m.High {
		t.Errorf("the median after: %+v", m)
	}
	if slower.Before.Share() != 1 || slower.Before.Spans != 300 || slower.After.Traces != 200 {
		t.Errorf("counts: %+v", slower)
	}
	if !d.Trace.Significant || !near(d.After.Duration.Center, 37*ms) || !near(d.After.Critical, 27*ms) {
		t.Errorf("traces: %+v, %+v", d.Trace, d.After)
	}
	if len(d.Warnings) != 0 {
		t.Errorf("warnings: %q", d.Warnings)
	}
}

// TestNoFalseAlarm compares halves of the same data, many times. A comparison with any false alarm
// must be as rare as the level says.
func TestNoFalseAlarm(t *testing.T) {
	const runs = 300
	for _, alpha := range []float64{0.05, 0.2} {
		alarms := 0
		for seed := range uint64(runs) {
			all := carts(seed+1, 40, 2*ms, 3*ms, 4*ms)
			d := diff.Compare(sideOf(all[:20]...), sideOf(all[20:]...), alpha)
			if d.Places[0].Kind != diff.Same { // what changed is first
				alarms++
			}
		}
		if share := float64(alarms) / runs; share > 1.5*alpha || share < 0.2*alpha {
			t.Errorf("%d of %d comparisons with false alarms at level %v", alarms, runs, alpha)
		}
	}
}

func TestDiffDoesNotDependOnOrder(t *testing.T) {
	before, after := carts(1, 3000, 2*ms, 3*ms, 4*ms), carts(2, 3000, 2*ms, 4*ms, 0)
	want := diff.Compare(sideOf(before...), sideOf(after...), diff.DefaultAlpha)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(before), reflect.Swapper(before))
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(after), reflect.Swapper(after))
	got := diff.Compare(sideOf(before...), sideOf(after...), diff.DefaultAlpha)
	for i := range got.Places { // a NaN differs from itself
		for _, d := range []*diff.Diff{got, want} {
			if r := &d.Places[i].Time.Ratio; *r != *r {
				*r = -1
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if n := got.Places[0].Before.Time.N; n != 1000 {
		t.Errorf("the sample has %d values, want 1000", n)
	}
}

// The work at the end exists only before, that at the start only after.
func TestNewAndVanished(t *testing.T) {
	before, after := carts(1, 50, 0, 3*ms, 4*ms), carts(2, 50, 2*ms, 3*ms, 0)
	rows, _ := places(diff.Compare(sideOf(before...), sideOf(after...), diff.DefaultAlpha))
	started, ended := rows["before get"], rows["after set"]
	if started.Kind != diff.New || started.Before.Share() != 0 || started.After.Share() != 1 || !near(started.Cost, 2*ms) {
		t.Errorf("before get: %+v", started)
	}
	if ended.Kind != diff.Vanished || ended.After.Share() != 0 || !near(ended.Cost, -4*ms) {
		t.Errorf("after set: %+v", ended)
	}

	// One of fifty may be chance.
	after = append(carts(2, 49, 0, 3*ms, 4*ms), cart(7, 2*ms, 3*ms, 4*ms))
	rows, _ = places(diff.Compare(sideOf(before...), sideOf(after...), diff.DefaultAlpha))
	if r := rows["before get"]; r.Kind != diff.Same || r.After.Traces != 1 {
		t.Errorf("a place that occurs once: %+v", r)
	}

	// It occurs in half of the traces, then in all.
	before = append(carts(1, 50, 0, 3*ms, 4*ms), carts(3, 50, 2*ms, 3*ms, 4*ms)...)
	rows, _ = places(diff.Compare(sideOf(before...), sideOf(carts(4, 50, 2*ms, 3*ms, 4*ms)...), diff.DefaultAlpha))
	if r := rows["before get"]; r.Kind != diff.Changed || r.Time.Significant || r.Before.Share() != 0.5 {
		t.Errorf("a place that occurs more often: %+v", r)
	}
}

func TestSpansOfOneTraceAreOneValue(t *testing.T) {
	one := func(id int) *gap.Trace {
		var spans []gap.Span
		for i, length := range []time.Duration{2 * ms, 4 * ms} { // two roots
			spans = append(spans, gap.Span{
				TraceID: gap.TraceID{Low: uint64(id + 1)}, SpanID: gap.SpanID(i + 1), Operation: "work",
				Start: time.Unix(1_700_000_000, 0).Add(time.Duration(i) * 10 * ms), Duration: length,
			})
		}
		trace, _ := gap.Build(spans)
		return trace
	}
	s := diff.NewSide("")
	for i := range 7 {
		s.Add(one(i))
	}
	d := diff.Compare(s, s, diff.DefaultAlpha)
	if r := d.Places[0]; r.Before.Time.N != 7 || r.Before.Time.Center != 3*ms || r.Before.Spans != 14 {
		t.Errorf("%+v", r)
	}
}

func TestMissingSide(t *testing.T) {
	some := sideOf(carts(1, 10, 2*ms, 3*ms, 4*ms)...)
	for name, d := range map[string]*diff.Diff{
		"before": diff.Compare(sideOf(), some, diff.DefaultAlpha), "after": diff.Compare(some, sideOf(), diff.DefaultAlpha),
	} {
		if len(d.Places) != 3 || len(d.Warnings) == 0 || d.Trace.Significant {
			t.Errorf("nothing %s: %+v", name, d)
		}
		for _, r := range d.Places {
			if r.Kind != diff.Same {
				t.Errorf("nothing %s: %+v", name, r)
			}
		}
	}
	if d := diff.Compare(sideOf(), sideOf(), diff.DefaultAlpha); len(d.Places) != 0 || d.Before.Traces != 0 {
		t.Errorf("nothing at all: %+v", d)
	}
	empty, _ := gap.Build(nil)
	if traces, spans := sideOf(empty).Count(); traces != 0 || spans != 0 {
		t.Errorf("an empty trace counts as %d traces, %d spans", traces, spans)
	}
}

func TestEqualTimesDoNotDiffer(t *testing.T) {
	var before, after []*gap.Trace
	for i := range 20 {
		before, after = append(before, cart(i, ms, ms, ms)), append(after, cart(100+i, ms, ms, 2*ms))
	}
	rows, _ := places(diff.Compare(sideOf(before...), sideOf(after...), diff.DefaultAlpha))
	if rows["before get"].Kind != diff.Same || rows["after set"].Kind != diff.Changed {
		t.Errorf("%+v", rows)
	}
}

func TestBySplitsOperations(t *testing.T) {
	s := diff.NewSide("sampler.type")
	for _, trace := range carts(1, 10, 2*ms, 3*ms, 4*ms) {
		s.Add(trace)
	}
	d := diff.Compare(s, s, diff.DefaultAlpha)
	if r := d.Places[0]; !r.Tagged || r.TagValue != "const" || d.By != "sampler.type" {
		t.Errorf("%+v", r)
	}
}
