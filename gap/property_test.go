package gap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// hold checks what is true of every trace.
func hold(t testing.TB, trace *gap.Trace, warnings []gap.Warning) {
	t.Helper()
	var nodes []gap.Node
	seen := make(map[gap.Node]bool)
	for n := range trace.Nodes() {
		if p, ok := n.Parent(); ok != (n.Depth() > 0) || ok && (!seen[p] || n.Depth() != p.Depth()+1) {
			t.Errorf("%v comes before its parent, or not below it", n.Span().SpanID)
		}
		if seen[n] {
			t.Errorf("%v comes twice", n.Span().SpanID)
		}
		seen[n] = true
		nodes = append(nodes, n)
	}
	if len(nodes) != trace.Len() {
		t.Errorf("%d nodes of %d", len(nodes), trace.Len())
	}
	below := 0
	for range trace.Roots() {
		below++
	}
	var all []gap.Gap
	for _, n := range nodes {
		all = append(all, holdNode(t, n)...)
		var before gap.Node
		for c := range n.Children() {
			if p, _ := c.Parent(); p != n {
				t.Errorf("child of another parent")
			}
			if before != (gap.Node{}) && c.Start().Before(before.Start()) {
				t.Errorf("children out of order")
			}
			before = c
			below++
		}
	}
	if below != trace.Len() {
		t.Errorf("%d roots and children of %d", below, trace.Len())
	}
	for _, least := range []time.Duration{0, 1, 5 * time.Microsecond, 20 * time.Microsecond} {
		want := slices.DeleteFunc(slices.Clone(all), func(g gap.Gap) bool { return g.Time < least })
		if got := slices.Collect(trace.Gaps(least)); !slices.Equal(got, want) {
			t.Errorf("gaps of at least %v: got %v, want %v", least, got, want)
		}
	}
	for _, w := range warnings {
		if w.Code == "" || w.Message == "" {
			t.Errorf("empty warning %+v", w)
		}
	}
}

// holdNode checks that what is uncovered and what the blocking children cover make up the node's time.
func holdNode(t testing.TB, n gap.Node) []gap.Gap {
	t.Helper()
	all := slices.Collect(n.Gaps(0))
	at, uncovered, joined, sum := n.Start(), time.Duration(0), time.Duration(0), time.Duration(0)
	for i, g := range all {
		if g.Node != n || g.Time <= 0 || g.End.Sub(g.Start) < g.Time || g.Start.Before(n.Start()) || g.End.After(n.End()) {
			t.Errorf("bad gap %+v", g)
		}
		sum += g.Time
		if g.Joined() {
			joined += g.Time
			continue
		}
		if g.Time != g.End.Sub(g.Start) {
			t.Errorf("gap from %v to %v holds %v", g.Start, g.End, g.Time)
		}
		if uncovered > 0 && !g.Start.After(at) || g.Start.Before(at) {
			t.Errorf("gap %d touches the one before", i)
		}
		at, uncovered = g.End, uncovered+g.Time
	}
	covered := union(n)
	if uncovered+covered != n.Duration() {
		t.Errorf("%v uncovered + %v covered is not %v", uncovered, covered, n.Duration())
	}
	if joined > covered {
		t.Errorf("%v joined in %v", joined, covered)
	}
	if client := n.Kind() == gap.Client; client && n.OwnTime() != 0 || !client && n.OwnTime() != sum {
		t.Errorf("own time %v, gaps %v", n.OwnTime(), sum)
	}
	return all
}

// union measures what the blocking children cover, by sorting all their ends.
func union(n gap.Node) time.Duration {
	type edge struct {
		at   time.Duration
		open int
	}
	var edges []edge
	for c := range n.Children() {
		from, to := max(0, c.Start().Sub(n.Start())), min(n.Duration(), c.End().Sub(n.Start()))
		if c.Blocking() && from < to {
			edges = append(edges, edge{from, 1}, edge{to, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return int(a.at - b.at) })
	var sum, since time.Duration
	open := 0
	for _, e := range edges {
		if open > 0 {
			sum += e.at - since
		}
		open, since = open+e.open, e.at
	}
	return sum
}

func orderDoesNotMatter(t testing.TB, input []gap.Span) {
	t.Helper()
	trace, warnings := gap.Build(input)
	want := dump(trace, warnings)
	shuffled := slices.Clone(input)
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 1))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		trace, warnings := gap.Build(shuffled)
		if got := dump(trace, warnings); got != want {
			t.Fatalf("order matters:\n%s\nshuffled:\n%s", want, got)
		}
	}
}

const timeline = 48 // microseconds

// forest makes random spans: well-formed references, times as they fall.
func forest(random *rand.Rand) []gap.Span {
	kinds := []string{"", "client", "client", "server", "producer", "consumer", "internal"}
	all := make([]gap.Span, 1+random.IntN(14))
	for i := range all {
		from := random.IntN(timeline)
		s := gap.Span{
			SpanID: gap.SpanID(i + 1), Operation: fmt.Sprint(i), Start: epoch.Add(time.Duration(from) * time.Microsecond),
			Duration: time.Duration(random.IntN(timeline-from+1)) * time.Microsecond,
			Tags:     []gap.Field{{Key: "span.kind", Value: kinds[random.IntN(len(kinds))]}},
		}
		for range random.IntN(3) {
			if i > 0 { // mostly near the first, so that many are siblings
				to := random.IntN(min(i, 1+random.IntN(5)))
				s.References = append(s.References, gap.Reference{Type: gap.RefType(random.IntN(3) / 2), SpanID: gap.SpanID(to + 1)})
			}
		}
		if random.IntN(3) == 0 {
			s.Tags = append(s.Tags, gap.Field{Key: "wait.joined_us", Value: int64(random.IntN(timeline))})
		}
		all[i] = s
	}
	return all
}

// oracle finds the gaps by colouring every microsecond, from the definition and not from the tree.
type oracle struct {
	spans   []gap.Span
	parents []int  // -1 for none
	waits   []bool // the parent waits
}

func newOracle(spans []gap.Span) *oracle {
	o := &oracle{spans: spans, parents: make([]int, len(spans)), waits: make([]bool, len(spans))}
	for i, s := range spans {
		o.parents[i] = -1
		for _, ref := range s.References {
			if o.parents[i] < 0 || ref.Type == gap.ChildOf && !o.waits[i] {
				o.parents[i] = int(ref.SpanID) - 1
				o.waits[i] = ref.Type == gap.ChildOf
			}
		}
		if o.parents[i] >= 0 && o.kind(i) == "consumer" && o.kind(o.parents[i]) == "producer" {
			o.waits[i] = false
		}
	}
	return o
}

func (o *oracle) kind(i int) any { return o.spans[i].Tags[0].Value }

func (o *oracle) joined(i int) int64 {
	if len(o.spans[i].Tags) < 2 || o.parents[i] < 0 {
		return 0
	}
	return o.spans[i].Tags[1].Value.(int64)
}

// call returns the call that i is a span of, or -1.
func (o *oracle) call(i int) int {
	if o.joined(i) > 0 {
		return i
	}
	for _, ref := range o.spans[i].References {
		if call := int(ref.SpanID) - 1; ref.Type == gap.FollowsFrom && o.joined(call) > 0 && o.parents[call] == o.parents[i] {
			return call
		}
	}
	return -1
}

type line [timeline]bool

func (o *oracle) line(i int) (l line) {
	from := int(o.spans[i].Start.Sub(epoch) / time.Microsecond)
	for us := from; us < from+int(o.spans[i].Duration/time.Microsecond); us++ {
		l[us] = true
	}
	return l
}

// covered returns where the children of i that are wanted cover it.
func (o *oracle) covered(i int, wanted func(c int) bool) (l line) {
	own := o.line(i)
	for c := range o.spans {
		if o.parents[c] == i && o.waits[c] && wanted(c) {
			for us, is := range o.line(c) {
				l[us] = l[us] || is && own[us]
			}
		}
	}
	return l
}

func (l line) length() (n int64) {
	for _, is := range l {
		if is {
			n++
		}
	}
	return n
}

func (o *oracle) uncovered(i int) string {
	own, covered := o.line(i), o.covered(i, func(int) bool { return true })
	out, from := "", -1
	for us := range timeline + 1 {
		switch is := us < timeline && own[us] && !covered[us]; {
		case is && from < 0:
			from = us
		case !is && from >= 0:
			out += fmt.Sprintf("[%d,%d)", from, us)
			from = -1
		}
	}
	return out
}

// joinedTotal returns what the parent i gets back.
func (o *oracle) joinedTotal(i int) int64 {
	var sum int64
	for call := range o.spans {
		if o.parents[call] == i {
			sum += min(o.joined(call), o.covered(i, func(c int) bool { return o.call(c) == call }).length())
		}
	}
	return min(sum, o.covered(i, func(c int) bool { return o.call(c) >= 0 }).length())
}

func (o *oracle) class(i int) gap.Class {
	if o.kind(i) != "client" {
		return gap.Own
	}
	for c, s := range o.spans {
		if o.parents[c] == i && o.kind(c) == "server" {
			for _, ref := range s.References {
				if ref.Type == gap.ChildOf {
					return gap.Wire
				}
			}
		}
	}
	return gap.Remote
}

func TestGapsOfRandomForestsAreThoseOfTheDefinition(t *testing.T) {
	for seed := range uint64(4000) {
		all := forest(rand.New(rand.NewPCG(seed, 0)))
		o := newOracle(all)
		trace, warnings := gap.Build(all)
		for n := range trace.Nodes() {
			i := int(n.Span().SpanID) - 1
			uncovered, joined := "", time.Duration(0)
			for g := range n.Gaps(0) {
				if g.Class != o.class(i) {
					t.Errorf("seed %d, span %d: %v, want %v", seed, i, g.Class, o.class(i))
				}
				if g.Joined() {
					joined += g.Time
				} else {
					uncovered += fmt.Sprintf("[%d,%d)", g.Start.Sub(epoch)/time.Microsecond, g.End.Sub(epoch)/time.Microsecond)
				}
			}
			if want := o.uncovered(i); uncovered != want {
				t.Errorf("seed %d, span %d: uncovered %s, want %s", seed, i, uncovered, want)
			}
			if want := time.Duration(o.joinedTotal(i)) * time.Microsecond; joined != want {
				t.Errorf("seed %d, span %d: joined %v, want %v", seed, i, joined, want)
			}
		}
		hold(t, trace, warnings)
		if seed%8 == 0 {
			orderDoesNotMatter(t, all)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}
