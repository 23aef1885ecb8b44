package gap_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

const timeline = 48 // microseconds

// forest makes random spans: well-formed references, times as they fall. No call has later waits,
// which TestSpecification looks at.
func forest(random *rand.Rand) []gap.Span {
	kinds := []string{"", "client", "client", "server", "producer", "consumer", "internal"}
	all := make([]gap.Span, 1+random.IntN(14))
	for i := range all {
		from := random.IntN(timeline)
		s := gap.Span{
			SpanID: gap.SpanID(i + 1), Operation: fmt.Sprint(i),
			Start:    epoch.Add(time.Duration(from) * time.Microsecond),
			Duration: time.Duration(random.IntN(timeline-from+1)) * time.Microsecond,
			Tags:     []gap.Field{{Key: "span.kind", Value: kinds[random.IntN(len(kinds))]}},
		}
		for range random.IntN(3) {
			if i > 0 { // mostly near the first, so that many are siblings
				to := random.IntN(min(i, 1+random.IntN(5)))
				s.References = append(s.References,
					gap.Reference{Type: gap.RefType(random.IntN(3) / 2), SpanID: gap.SpanID(to + 1)})
			}
		}
		if random.IntN(3) == 0 {
			s.Tags = append(s.Tags, gap.Field{Key: "wait.joined_us", Value: int64(random.IntN(timeline))})
		}
		all[i] = s
	}
	return all
}

// oracle finds the gaps by marking every microsecond, from the definition instead of the tree.
type oracle struct {
	spans   []gap.Span
	parents []int  // -1 for none
	waits   []bool // for the span: its parent
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

type line [timeline]bool

func (o *oracle) line(i int) (l line) {
	for us := o.start(i); us < o.end(i); us++ {
		l[us] = true
	}
	return l
}

// covered returns where the wanted children of i cover it.
func (o *oracle) covered(i int, wanted func(c int) bool) (l line) {
	self := o.line(i)
	for c := range o.spans {
		if o.parents[c] == i && o.waits[c] && wanted(c) {
			for us, is := range o.line(c) {
				l[us] = l[us] || is && self[us]
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
	self, covered := o.line(i), o.covered(i, func(int) bool { return true })
	out, from := "", -1
	for us := range timeline + 1 {
		switch is := us < timeline && self[us] && !covered[us]; {
		case is && from < 0:
			from = us
		case !is && from >= 0:
			out += fmt.Sprintf("[%d,%d)", from, us)
			from = -1
		}
	}
	return out
}

// joinedTotal returns the joined time that i gets back.
func (o *oracle) joinedTotal(i int) int64 {
	var sum int64
	for call := range o.spans {
		if o.parents[call] == i {
			sum += min(o.joined(call), o.covered(i, func(c int) bool { return c == call }).length())
		}
	}
	return min(sum, o.covered(i, func(c int) bool { return o.joined(c) > 0 }).length())
}

// path returns for every microsecond of root the span that the critical path is in.
func (o *oracle) path(root int) map[int]int {
	in := make(map[int]int)
	var walk func(i, from, to int)
	walk = func(i, from, to int) {
		for at := to; at > from; {
			next := o.next(i, at)
			if next < 0 {
				at--
				in[at] = i
				continue
			}
			start := max(from, o.start(next))
			walk(next, start, at)
			at = start
		}
	}
	walk(root, o.start(root), o.end(root))
	return in
}

// next returns the child of i that the path goes on in at a moment, or -1.
func (o *oracle) next(i, at int) int {
	var ending, open []int
	for c := range o.spans {
		switch {
		case o.parents[c] != i || !o.waits[c] || o.start(c) >= at:
		case o.end(c) == at:
			ending = append(ending, c)
		case o.end(c) > at:
			open = append(open, c)
		}
	}
	for _, of := range [][]int{ending, open} {
		if len(of) > 0 {
			return slices.MinFunc(of, func(a, b int) int {
				return cmp.Or(cmp.Compare(o.start(a), o.start(b)), cmp.Compare(o.end(b), o.end(a)), cmp.Compare(a, b))
			})
		}
	}
	return -1
}

func (o *oracle) start(i int) int { return int(o.spans[i].Start.Sub(epoch) / time.Microsecond) }

func (o *oracle) end(i int) int { return o.start(i) + int(o.spans[i].Duration/time.Microsecond) }

func (o *oracle) class(i int) gap.Class {
	if o.kind(i) != "client" {
		return gap.ClassSelf
	}
	for c, s := range o.spans {
		if o.parents[c] == i && o.kind(c) == "server" {
			for _, ref := range s.References {
				if ref.Type == gap.ChildOf {
					return gap.ClassWire
				}
			}
		}
	}
	return gap.ClassRemote
}

// cases is how many random forests are tried.
const cases = 4000

func TestRandomForests(t *testing.T) {
	for seed := range uint64(cases) {
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
					start, end := g.Start.Sub(epoch).Microseconds(), g.End.Sub(epoch).Microseconds()
					uncovered += fmt.Sprintf("[%d,%d)", start, end)
				}
			}
			if want := o.uncovered(i); uncovered != want {
				t.Errorf("seed %d, span %d: uncovered %s, want %s", seed, i, uncovered, want)
			}
			if want := time.Duration(o.joinedTotal(i)) * time.Microsecond; joined != want {
				t.Errorf("seed %d, span %d: joined %v, want %v", seed, i, joined, want)
			}
		}
		on := make(map[[2]int]int) // root and microsecond
		for n := range trace.Roots() {
			root := int(n.Span().SpanID) - 1
			for us, i := range o.path(root) {
				on[[2]int{root, us}] = i
			}
		}
		for p := range trace.CriticalPath() {
			root := p.Node
			for up, ok := root, true; ok; up, ok = up.Parent() {
				root = up
			}
			for us := p.Start.Sub(epoch) / time.Microsecond; us < p.End.Sub(epoch)/time.Microsecond; us++ {
				got, want := int(p.Node.Span().SpanID)-1, on[[2]int{int(root.Span().SpanID) - 1, int(us)}]
				if got != want {
					t.Errorf("seed %d: at %d the path is in %d, want %d", seed, us, got, want)
				}
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
