package gap_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// add builds a trace and adds it.
func add(s *gap.Summary, spans []gap.Span) {
	trace, _ := gap.Build(spans)
	s.Add(trace)
}

// table draws a summary, a line per operation, times in microseconds.
func table(s *gap.Summary) string {
	var b strings.Builder
	for o := range s.Operations() {
		fmt.Fprintf(&b,
			"%s %s: %d spans of %d, self %d, critical %d, concurrency %d, share %.2f, worst %c of %d with %d\n",
			o.Service, o.Name, o.Count, o.Duration.Microseconds(), o.SelfTime.Microseconds(),
			o.CriticalTime.Microseconds(), o.Concurrency.Microseconds(), o.Share, rune(o.Worst.SpanID),
			o.Worst.TraceID.Low, o.Worst.SelfTime.Microseconds())
	}
	return b.String()
}

func TestSummary(t *testing.T) {
	var s gap.Summary
	if got := table(&s); got != "" {
		t.Errorf("nothing added: %s", got)
	}
	add(&s, nil)
	add(&s, spans(t, "A [0,100) server @shop\n B [10,40) client <A @shop joined=4\n C [20,60) <A @shop"))
	add(&s,
		spans(t, "A [0,60) server @shop trace=2\n B [0,20) client <A2 @shop trace=2\n D [30,50) <A2 @stock trace=2"))
	want := "shop A: 2 spans of 160, self 74, critical 71, concurrency 20, share 0.55, worst A of 1 with 54\n" +
		"shop C: 1 spans of 40, self 40, critical 40, concurrency 0, share 0.30, worst C of 1 with 40\n" +
		"stock D: 1 spans of 20, self 20, critical 20, concurrency 0, share 0.15, worst D of 2 with 20\n" +
		"shop B: 2 spans of 50, self 0, critical 0, concurrency 0, share 0.00, worst B of 1 with 0\n"
	if got := table(&s); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSummaryByTag(t *testing.T) {
	tagged := func(s string, values ...any) []gap.Span {
		all := spans(t, s)
		for i, v := range values {
			if all[i].Operation != "B" {
				all[i].Operation = "A"
			}
			if v != nil {
				all[i].Tags = append(all[i].Tags,
					gap.Field{Key: "customer", Value: "before"}, gap.Field{Key: "customer", Value: v})
			}
		}
		return all
	}
	first := tagged("A [0,100) @shop\n C [200,210) @shop\n D [220,240) @shop", "acme", nil, int64(7))
	second := tagged("A [0,50) @shop trace=2\n C [60,70) @shop trace=2\n B [0,5) @shop trace=2", "acme", "", []byte("x"))
	rows := func(s *gap.Summary) (rows []string) {
		for o := range s.Operations() {
			rows = append(rows, fmt.Sprintf("%s %s %v %q: %d spans of %d",
				o.Service, o.Name, o.Tagged, o.TagValue, o.Count, o.Duration.Microseconds()))
		}
		return rows
	}
	want := []string{
		`shop A true "acme": 2 spans of 150`, `shop A true "7": 1 spans of 20`, `shop A false "": 1 spans of 10`,
		`shop A true "": 1 spans of 10`, `shop B true "eA==": 1 spans of 5`,
	}
	all := gap.Summary{By: "customer"}
	add(&all, first)
	add(&all, second)
	if got := rows(&all); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	one, two, merged := gap.Summary{By: "customer"}, gap.Summary{By: "customer"}, gap.Summary{By: "customer"}
	add(&one, first)
	add(&two, second)
	merged.Merge(&two)
	merged.Merge(&one)
	if got := rows(&merged); !slices.Equal(got, want) {
		t.Errorf("merged: got %q\nwant %q", got, want)
	}
	var ordinary gap.Summary
	add(&ordinary, first)
	if got := rows(&ordinary); !slices.Equal(got, []string{`shop A false "": 3 spans of 130`}) {
		t.Errorf("without a tag: %q", got)
	}
}

func TestWorstSpanDoesNotDependOnTheOrder(t *testing.T) {
	parts := [][]gap.Span{
		spans(t, "A [0,9) trace=3"), spans(t, "A [0,9) trace=2\n A2 [0,8) trace=2"),
		spans(t, "B [0,9) trace=2\n A [0,9) trace=2 <B"), spans(t, "A [0,7) trace=1"),
	}
	for range 20 {
		rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		var s gap.Summary
		for _, part := range parts {
			add(&s, part)
		}
		for o := range s.Operations() {
			if o.Name == "A" &&
				(o.Worst != gap.SpanRef{TraceID: gap.TraceID{Low: 2}, SpanID: 'A', SelfTime: 9 * time.Microsecond}) {
				t.Fatalf("worst is %v", o.Worst)
			}
		}
	}
}

func TestMergeDoesNotDependOnTheOrder(t *testing.T) {
	for seed := range uint64(cases / 4) {
		random := rand.New(rand.NewPCG(seed, 3))
		var whole, a, b, c gap.Summary
		parts := []*gap.Summary{&a, &b, &c}
		for i := range random.IntN(8) {
			all := forest(random)
			processes := []*gap.Process{
				nil,
				{Service: "a"},
				{Service: "b", Tags: []gap.Field{{Key: "ip", Value: "::1"}}},
			}
			for j := range all {
				all[j].TraceID.Low = uint64(1 + i/2)
				all[j].Operation = fmt.Sprint(random.IntN(4))
				all[j].Process = processes[random.IntN(3)]
				all[j].Duration *= time.Duration(1 + random.IntN(1000))
			}
			trace, _ := gap.Build(all)
			whole.Add(trace)
			parts[random.IntN(3)].Add(trace)
		}
		for _, order := range [][]*gap.Summary{{&a, &b, &c}, {&c, &b, &a}, {&b, &a, &c}} {
			var left, tail, right gap.Summary
			for _, part := range order { // (a + b) + c
				left.Merge(part)
			}
			for _, part := range order[1:] { // a + (b + c)
				tail.Merge(part)
			}
			right.Merge(order[0])
			right.Merge(&tail)
			if !alike(&left, &whole) || !alike(&right, &whole) {
				t.Fatalf("seed %d: whole\n%sleft\n%sright\n%s", seed, table(&whole), table(&left), table(&right))
			}
		}
		holdSummary(t, &whole)
	}
}

// alike reports whether all operations and gaps of two summaries are the same.
func alike(a, b *gap.Summary) bool {
	return reflect.DeepEqual(slices.Collect(a.Operations()), slices.Collect(b.Operations())) &&
		reflect.DeepEqual(slices.Collect(a.Gaps()), slices.Collect(b.Gaps()))
}

// holdSummary checks the invariants of a summary.
func holdSummary(t testing.TB, s *gap.Summary) {
	t.Helper()
	share, self := 0.0, time.Duration(0)
	var before *gap.Operation
	for o := range s.Operations() {
		share += o.Share
		self += o.SelfTime
		shortest, longest := o.Durations.Quantile(0), o.Durations.Quantile(1)
		least, most := o.SelfTimes.Quantile(0), o.SelfTimes.Quantile(1)
		if o.Count < 1 || o.SelfTime < o.CriticalTime || o.CriticalTime < 0 || o.Duration < o.SelfTime ||
			o.Concurrency < 0 || o.Worst.SelfTime != most ||
			shortest > o.Duration/time.Duration(o.Count) && o.Duration < math.MaxInt64 ||
			longest > o.Duration || least > most ||
			most > longest {
			t.Errorf("bad operation %+v", o)
		}
		if before != nil && before.CriticalTime < o.CriticalTime {
			t.Errorf("operations out of order")
		}
		before = &o
	}
	if self > 0 && math.Abs(share-1) > 1e-9 {
		t.Errorf("shares add up to %v", share)
	}
}

func TestOperationsAreCopies(t *testing.T) {
	var s gap.Summary
	add(&s, spans(t, "A [0,100)"))
	before := slices.Collect(s.Operations())[0]
	add(&s, spans(t, "A [0,100)"))
	if got := before.Durations.Quantile(0.5); got != 100*time.Microsecond || before.Count != 1 {
		t.Errorf("%d of %v", before.Count, got)
	}
	other := s
	s.Merge(&other)
	s.Merge(&s)
	s.Merge(&gap.Summary{})
	if got := table(&s); !strings.Contains(got, "8 spans of 800") {
		t.Errorf("merged with itself twice: %s", got)
	}
}

// forever lasts as long as a span can.
var forever = gap.Span{
	SpanID: 1, Start: time.Unix(-4_611_686_017, 0), Duration: time.Unix(0, 1<<62-2).Sub(time.Unix(-4_611_686_017, 0)),
}

func TestSumsSaturate(t *testing.T) {
	var s gap.Summary
	for range 3 {
		a, b := forever, forever
		a.Operation, b.Operation = "A", "B"
		add(&s, []gap.Span{a})
		add(&s, []gap.Span{b})
	}
	all := slices.Collect(s.Operations())
	for _, o := range all {
		if o.Duration != math.MaxInt64 || o.SelfTime != math.MaxInt64 || o.Share != 0.5 ||
			o.Durations.Quantile(0.5) != forever.Duration {
			t.Errorf("got %+v", o)
		}
	}
	children := []gap.Span{forever}
	for i := range 3 {
		child := children[0]
		child.SpanID, child.References = gap.SpanID(i+2), []gap.Reference{{SpanID: 1}}
		children = append(children, child)
	}
	trace, _ := gap.Build(children)
	for root := range trace.Roots() {
		// The sum of the children saturates, and they cover the whole root.
		if root.Concurrency() != math.MaxInt64-forever.Duration || root.SelfTime() != 0 {
			t.Errorf("concurrency %v, self time %v", root.Concurrency(), root.SelfTime())
		}
	}
}
