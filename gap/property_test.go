package gap_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// hold checks the invariants of a trace.
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
		if n.Index() != len(nodes) {
			t.Errorf("node %d has index %d", len(nodes), n.Index())
		}
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
		descendants := 0
		for c := range n.Children() {
			descendants += 1 + c.Descendants()
		}
		if descendants != n.Descendants() {
			t.Errorf("%v has %d descendants, its children %d", n.Span().SpanID, n.Descendants(), descendants)
		}
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
	holdPath(t, trace, all)
	for _, w := range warnings {
		if w.Code == "" || w.Message == "" {
			t.Errorf("empty warning %+v", w)
		}
	}
}

// holdPath checks that the critical path tiles every root, lies inside gaps, and adds up to their
// critical time.
func holdPath(t testing.TB, trace *gap.Trace, gaps []gap.Gap) {
	t.Helper()
	type place struct {
		node  gap.Node
		start time.Time
	}
	inside := make(map[place]time.Duration) // how much of a gap is on the path
	starts := make(map[gap.Node][]gap.Gap)
	for _, g := range gaps {
		if !g.Joined() {
			starts[g.Node] = append(starts[g.Node], g)
		}
	}
	segments := slices.Collect(trace.CriticalPath())
	for root := range trace.Roots() {
		at, before := root.Start(), gap.Node{}
		end, whole, sum := root.End(), root.Duration(), time.Duration(0)
		for wait := range root.Waits() {
			if parent, ok := wait.Parent(); ok && parent == root { // the path is in it, too
				end, whole = wait.End(), whole+wait.Duration()
			}
		}
		shared := root.Incomplete() && slices.ContainsFunc(root.Span().References,
			func(r gap.Reference) bool { return r.Type == gap.ChildOf }) // other roots may have a part of its path
		for len(segments) > 0 && rootOf(segments[0]).Call() == root.Call() && segments[0].Start.Before(end) {
			p := segments[0]
			segments = segments[1:]
			if p.Start.Before(at) || p.Duration() <= 0 || p.Node == before && p.Start.Equal(at) {
				t.Fatalf("bad segment %+v, at %v", p, at)
			}
			sum += p.Duration()
			at, before = p.End, p.Node
			of := starts[p.Node]
			i, _ := slices.BinarySearchFunc(of, p.Start,
				func(g gap.Gap, at time.Time) int { return g.End.Compare(at.Add(1)) })
			if i == len(of) || p.Start.Before(of[i].Start) || p.End.After(of[i].End) || p.Class != of[i].Class {
				t.Fatalf("segment %+v is in no gap", p)
			}
			inside[place{p.Node, of[i].Start}] += p.Duration()
		}
		if !shared && sum != whole || at.After(end) {
			t.Errorf("the path of root %v takes %v and ends at %v", root.Span().SpanID, sum, at)
		}
	}
	if len(segments) > 0 {
		t.Errorf("%d segments too many", len(segments))
	}
	self := make(map[gap.Node]time.Duration)
	for _, g := range gaps {
		if g.CriticalTime < 0 || g.CriticalTime > g.Time ||
			!g.Joined() && g.CriticalTime != inside[place{g.Node, g.Start}] {
			t.Errorf("%v of %+v on the path", inside[place{g.Node, g.Start}], g)
		}
		if g.Class == gap.ClassSelf {
			self[g.Node] += g.CriticalTime
		}
	}
	for n := range trace.Nodes() {
		if n.CriticalTime() != self[n] {
			t.Errorf("critical time %v, gaps %v", n.CriticalTime(), self[n])
		}
	}
}

func rootOf(s gap.Segment) gap.Node {
	root := s.Node
	for up, ok := root, true; ok; up, ok = up.Parent() {
		root = up
	}
	return root
}

// holdNode checks that the gaps and the blocking children add up to the node.
func holdNode(t testing.TB, n gap.Node) []gap.Gap {
	t.Helper()
	all, frame := slices.Collect(n.Gaps(0)), frameOf(n)
	at, uncovered, joined, sum := n.Start(), time.Duration(0), time.Duration(0), time.Duration(0)
	for i, g := range all {
		start, end := n.Start(), n.End()
		if g.Joined() { // it may lie in any span of the frame
			start, end = frame[0].Start(), frame[len(frame)-1].End()
		}
		if g.Node != n || g.Time <= 0 || g.End.Sub(g.Start) < g.Time || g.Start.Before(start) || g.End.After(end) {
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
		holdNeighbors(t, g)
		at, uncovered = g.End, uncovered+g.Time
	}
	covered, lengths := union(n)
	if n.Concurrency() != lengths-covered {
		t.Errorf("concurrency %v, want %v - %v", n.Concurrency(), lengths, covered)
	}
	if uncovered+covered != n.Duration() {
		t.Errorf("%v uncovered + %v covered is not %v", uncovered, covered, n.Duration())
	}
	if joined > covered && len(frame) == 1 {
		t.Errorf("%v joined in %v", joined, covered)
	}
	if all, critical := n.SelfTimes(); all != n.SelfTime() || critical != n.CriticalTime() {
		t.Errorf("SelfTimes %v and %v, want %v and %v", all, critical, n.SelfTime(), n.CriticalTime())
	}
	if client := n.Kind() == gap.KindClient; client && n.SelfTime() != 0 || !client && n.SelfTime() != sum {
		t.Errorf("self time %v, gaps %v", n.SelfTime(), sum)
	}
	return all
}

// holdNeighbors checks that an uncovered gap names a neighbour unless it starts or ends with its
// span.
func holdNeighbors(t testing.TB, g gap.Gap) {
	t.Helper()
	if g.Start.Equal(g.Node.Start()) != (g.After == gap.Node{}) || g.End.Equal(g.Node.End()) != (g.Before == gap.Node{}) {
		t.Errorf("neighbours of %+v", g)
	}
}

// frameOf returns the spans of the frame that n is in.
func frameOf(n gap.Node) []gap.Node {
	return append([]gap.Node{n.Call()}, slices.Collect(n.Call().Waits())...)
}

// union returns how much the blocking children of a span's frame cover of the span, and the sum of
// their durations.
func union(n gap.Node) (sum, lengths time.Duration) {
	type edge struct {
		at   time.Duration
		open int
	}
	var edges []edge
	for _, s := range frameOf(n) {
		for c := range s.Children() {
			from, to := max(0, c.Start().Sub(n.Start())), min(n.Duration(), c.End().Sub(n.Start()))
			if c.Blocking() && from < to {
				edges = append(edges, edge{from, 1}, edge{to, -1})
				lengths = min(lengths, math.MaxInt64-(to-from)) + to - from // saturates
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var since time.Duration
	open := 0
	for _, e := range edges {
		if open > 0 {
			sum += e.at - since
		}
		open, since = open+e.open, e.at
	}
	return sum, lengths
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
