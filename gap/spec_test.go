package gap_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func specID(n gap.Node) gap.SpanID {
	if n == (gap.Node{}) {
		return 0
	}
	return n.Span().SpanID
}

// specDescribe returns the lines for a trace, and those for its joined gaps.
func specDescribe(t *gap.Trace) (lines, joined []string) {
	for n := range t.Nodes() {
		at, self := len(lines), n.SelfTime()
		lines = append(lines, "")
		for g := range n.Gaps(0) {
			line := fmt.Sprintf(specGapLine, specID(g.Node), g.Start.Sub(specEpoch), g.End.Sub(specEpoch),
				g.Class, g.CriticalTime, specID(g.After), specID(g.Before))
			if !g.Joined() {
				lines = append(lines, line)
				continue
			}
			joined = append(joined, fmt.Sprint(line, " joined ", specID(g.Call), " ", g.Time))
			if n.Kind() != gap.KindClient {
				self -= g.Time
			}
		}
		parent, _ := n.Parent()
		lines[at] = fmt.Sprintf(specSpanLine, specID(n), n.Start().Sub(specEpoch), n.End().Sub(specEpoch),
			specID(parent), n.Moved(), n.Blocking(), n.Outlives(), n.Detached(), n.Incomplete(), self)
	}
	for s := range t.CriticalPath() {
		lines = append(lines, fmt.Sprintf(specPathLine, specID(s.Node), s.Start.Sub(specEpoch),
			s.End.Sub(specEpoch), s.Class))
	}
	return lines, joined
}

// specSums checks joined gaps, positions and critical times.
func specSums(t *gap.Trace, m *specModel) string {
	var total time.Duration
	for n := range t.Nodes() {
		each, most := m.joined(m.byID[specID(n)])
		var limits, joined, critical time.Duration
		for _, limit := range each {
			limits += limit
		}
		last, seen := time.Time{}, map[gap.Node]bool{}
		for g := range n.Gaps(0) {
			want := gap.Position{AtStart: g.After == gap.Node{}, AtEnd: g.Before == gap.Node{}}
			if !want.AtStart {
				want.After = g.After.Span().Operation
			}
			if !want.AtEnd {
				want.Before = g.Before.Span().Operation
			}
			if g.Joined() {
				c := m.byID[specID(g.Call)]
				if g.Time <= 0 || g.Time > each[c.id] || seen[g.Call] ||
					g.Start.Sub(specEpoch) != max(c.start, c.parent.call.start) ||
					g.End.Sub(specEpoch) != min(c.frameEnd(), c.parent.frameEnd()) || g.Class != m.byID[specID(n)].class() {
					return fmt.Sprintf("joined gap of %d for %d: %+v; most: %v", specID(n), c.id, g, each)
				}
				want = gap.Position{Within: c.Operation, Joined: true}
				seen[g.Call], joined = true, joined+g.Time
			}
			if got := g.Position(); got != want {
				return fmt.Sprintf("position of a gap of %d: got %+v, want %+v", specID(n), got, want)
			}
			if !g.Joined() && g.Start.Before(last) || g.CriticalTime < 0 || g.CriticalTime > g.Time {
				return fmt.Sprintf("gap of %d: order or critical time: %+v", specID(n), g)
			}
			if critical += g.CriticalTime; !g.Joined() {
				last = g.End
			}
		}
		if joined > most || limits <= most && joined != limits {
			return fmt.Sprintf("joined gaps of %d: %v; each at most %v, all %v", specID(n), joined, each, most)
		}
		if n.Kind() == gap.KindClient {
			critical = 0
		}
		if n.CriticalTime() != critical {
			return fmt.Sprintf("critical time of %d: got %v, want %v", specID(n), n.CriticalTime(), critical)
		}
		total += critical
	}
	if got, want := t.CriticalTime(), min(total, t.Duration()); got != want {
		return fmt.Sprintf("critical time of the trace: got %v, want %v", got, want)
	}
	return ""
}

// specCheck returns the first difference between the model and Build, or "".
func specCheck(spans []gap.Span, maxSkew time.Duration) string {
	var opts []gap.Option
	if maxSkew != specDefaultSkew {
		opts = append(opts, gap.WithMaxSkew(maxSkew))
	}
	m := newSpecModel(spans, cmp.Or(maxSkew, specDefaultSkew))
	trace, warnings := gap.Build(spans, opts...)
	lines, joined := specDescribe(trace)
	if diff := specDiff(lines, m.lines()); diff != "" {
		return diff
	}
	if diff := specSums(trace, m); diff != "" {
		return diff
	}
	shuffled := slices.Clone(spans)
	rand.New(rand.NewPCG(1, uint64(len(spans)))).Shuffle(len(spans), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	again, warningsAgain := gap.Build(shuffled, opts...)
	linesAgain, joinedAgain := specDescribe(again)
	return specDiff(append(slices.Concat(linesAgain, joinedAgain), fmt.Sprint(warningsAgain)),
		append(slices.Concat(lines, joined), fmt.Sprint(warnings)))
}

func specDiff(got, want []string) string {
	at := func(lines []string, i int) string {
		return strings.Join(lines[min(i, len(lines)):min(i+1, len(lines))], "")
	}
	for i := range max(len(got), len(want)) {
		if g, w := at(got, i), at(want, i); g != w {
			return "got  " + g + "\nwant " + w
		}
	}
	return ""
}

type specGroup struct {
	service, operation string
	class              gap.Class
	position           gap.Position
}

type specTotal struct {
	count          int64
	time, critical time.Duration
}

func TestSpecification(t *testing.T) {
	for batch := range uint64(400) {
		var summary gap.Summary
		want, got := map[specGroup]specTotal{}, map[specGroup]specTotal{}
		for seed := batch * 50; seed < batch*50+50; seed++ {
			spans, maxSkew := specTrace(seed)
			if specCheck(spans, maxSkew) != "" {
				spans = specShrink(spans, maxSkew)
				t.Fatalf("seed %d, max skew %v:\n%s%s", seed, maxSkew, specPrint(spans), specCheck(spans, maxSkew))
			}
			trace, _ := gap.Build(spans)
			summary.Add(trace)
			for g := range trace.Gaps(0) {
				key := specGroup{g.Node.Service(), g.Node.Span().Operation, g.Class, g.Position()}
				sum := want[key]
				want[key] = specTotal{sum.count + 1, sum.time + g.Time, sum.critical + g.CriticalTime}
			}
		}
		last := specTotal{1 << 60, 1 << 60, 1 << 60}
		for g := range summary.Gaps() {
			total := specTotal{g.Count, g.Time, g.CriticalTime}
			got[specGroup{g.Service, g.Operation, g.Class, g.Position}] = total
			if cmp.Or(cmp.Compare(last.critical, total.critical), cmp.Compare(last.time, total.time),
				cmp.Compare(last.count, total.count)) < 0 {
				t.Fatalf("batch %d: group %+v comes after %v", batch, g, last)
			}
			last = total
		}
		if !maps.Equal(got, want) {
			t.Fatalf("batch %d: groups of gaps:\ngot  %v\nwant %v", batch, got, want)
		}
	}
}
