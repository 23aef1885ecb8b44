package gap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// specGen generates a trace. Times are microseconds.
type specGen struct {
	*rand.Rand
	spans []gap.Span
	made  []specMade
	room  int
	ids   []int
	skew  map[string]int // by host, or by service if it has none
}

type specMade struct {
	id         gap.SpanID
	op         string
	kind       gap.Kind
	proc       int
	start, end int
}

// specProcesses are on four machines. The last one shares a clock with two of them.
var specProcesses = []*gap.Process{
	nil,
	{Service: "a", Tags: []gap.Field{{Key: "hostname", Value: "h1"}}},
	{Service: "b", Tags: []gap.Field{{Key: "hostname", Value: "h1"}}},
	{Service: "c", Tags: []gap.Field{{Key: "ip", Value: "h2"}}},
	{Service: "c", Tags: []gap.Field{{Key: "ip", Value: "h2"}}},
	{Service: "d", Tags: []gap.Field{{Key: "ip", Value: "h3"}, {Key: "hostname", Value: "h4"}}},
	{Service: "e"},
	{Service: "f", Tags: []gap.Field{{Key: "ip", Value: "h2"}, {Key: "hostname", Value: "h1"}}},
}

func (g *specGen) one(in int) bool { return g.IntN(in) == 0 }

func (g *specGen) add(op string, kind gap.Kind, proc, start, length int, refs ...gap.Reference) specMade {
	made := specMade{gap.SpanID(g.ids[len(g.spans)]), op, kind, proc, start, start + length}
	s := gap.Span{
		TraceID: gap.TraceID{Low: 1}, SpanID: made.id, Operation: op, Process: specProcesses[proc],
		Start:    specEpoch.Add(time.Duration(start+g.skew[specHost(specProcesses[proc])]) * time.Microsecond),
		Duration: time.Duration(length) * time.Microsecond,
		Tags:     []gap.Field{{Key: "span.kind", Value: kind.String()}},
	}
	for _, r := range refs {
		if r.SpanID != 0 {
			s.References = append(s.References, r)
		}
	}
	g.Shuffle(len(s.References), func(i, j int) {
		s.References[i], s.References[j] = s.References[j], s.References[i]
	})
	g.spans, g.made, g.room = append(g.spans, s), append(g.made, made), g.room-1
	return made
}

func specHost(p *gap.Process) string {
	if p == nil || p.Tags == nil {
		return ""
	}
	return fmt.Sprint(p.Tags[0].Value)
}

func specRefs(childOf gap.SpanID, follows ...gap.SpanID) []gap.Reference {
	refs := []gap.Reference{{Type: gap.ChildOf, SpanID: childOf}}
	for _, id := range follows {
		refs = append(refs, gap.Reference{Type: gap.FollowsFrom, SpanID: id})
	}
	return refs
}

// call adds a call and up to three waits, of which some break a rule, and spans below them.
func (g *specGen) call(parent gap.SpanID, proc, lo, hi int) {
	kind := []gap.Kind{gap.KindClient, gap.KindClient, gap.KindClient, gap.KindInternal, gap.KindProducer}[g.IntN(5)]
	op := []string{"x", "x", "y"}[g.IntN(3)]
	c := g.add(op, kind, proc, lo+g.IntN(max(1, (hi-lo)/2)), g.IntN(6), specRefs(parent)...)
	if g.one(4) {
		us := []int64{1, 2, 3, 5, 9, 1000, -1}[g.IntN(7)]
		s := &g.spans[len(g.spans)-1]
		s.Tags = append(s.Tags, gap.Field{Key: "wait.joined_us", Value: us})
	}
	frame, at := []specMade{c}, c.end
	for n := g.IntN(4); n > 0 && g.room > 0; n-- {
		name, childOf, follows, start := op+" wait", parent, []gap.SpanID{c.id}, at+g.IntN(5)
		other := g.made[g.IntN(len(g.made))]
		switch g.IntN(30) { // break a rule, or seem to
		case 0:
			name = op + " waits"
		case 1:
			follows = nil
		case 2:
			follows[0] = other.id
		case 3:
			childOf = other.id
		case 4:
			childOf = 101
		case 5:
			start = c.start - 1 + g.IntN(at-c.start+1)
		case 6:
			childOf = 0
		case 7:
			name, follows[0] = frame[len(frame)-1].op+" wait", frame[len(frame)-1].id
		case 8:
			proc = g.IntN(len(specProcesses))
		case 9, 10:
			if other.op != op && parent < 101 { // an orphan wait stays below its call
				follows = append(follows, other.id)
			}
		}
		frame = append(frame, g.add(name, kind, proc, start, g.IntN(7), specRefs(childOf, follows...)...))
		at = max(at, start+3)
	}
	g.below(frame)
}

// below adds spans below those of a frame.
func (g *specGen) below(frame []specMade) {
	lo, hi := frame[0].start, frame[len(frame)-1].end
	for n := g.IntN(4); n > 0 && g.room > 0; n-- {
		p := frame[g.IntN(len(frame))]
		proc, refs := p.proc, specRefs(p.id)
		if g.one(20) {
			proc = g.IntN(len(specProcesses))
		}
		start := lo + g.IntN(max(1, hi-lo+1))
		length := g.IntN(max(1, hi-start+1))
		if g.one(6) {
			start, length = start+g.IntN(13)-6, g.IntN(14)
		}
		switch roll := g.IntN(10); {
		case p.kind == gap.KindClient && roll < 6: // a server that works in all of the frame
			start = lo + g.IntN(3)
			length = max(0, hi-start-2+g.IntN(4))
			s := g.add("serve", gap.KindServer, g.IntN(len(specProcesses)), start, length, refs...)
			g.below([]specMade{s})
		case p.kind == gap.KindProducer && roll < 6:
			if g.one(2) {
				refs = specRefs(0, p.id)
			}
			proc = g.IntN(len(specProcesses))
			g.below([]specMade{g.add("consume", gap.KindConsumer, proc, start+4, length, refs...)})
		case roll < 7:
			g.call(p.id, proc, lo, hi)
		case roll == 7:
			g.add("follow", gap.KindInternal, proc, start, length, specRefs(0, p.id)...)
		default:
			kind := []gap.Kind{gap.KindInternal, gap.KindClient, gap.KindProducer}[g.IntN(3)]
			g.below([]specMade{g.add("work", kind, proc, start, length, refs...)})
		}
	}
}

// specTrace returns a trace and the bound on clock correction to build it with.
func specTrace(seed uint64) ([]gap.Span, time.Duration) {
	g := &specGen{Rand: rand.New(rand.NewPCG(seed, 7)), skew: map[string]int{}}
	g.ids, g.room = g.Perm(60), 1+g.IntN(14)
	for i := range g.ids {
		g.ids[i]++
	}
	if g.one(2) {
		for _, host := range []string{"h1", "h2", "h3", ""} {
			near := g.IntN(41) - 20
			g.skew[host] = []int{0, near / 2, near * 2, near + 256_000, near - 256_000}[g.IntN(5)]
		}
	}
	for first := true; g.room > 0 && (first || g.one(2)); first = false {
		proc, lo := g.IntN(len(specProcesses)), g.IntN(10)
		missing := []gap.SpanID{101, 101, 102}
		switch g.IntN(6) {
		case 0:
			g.call(0, proc, 0, 30)
		case 1, 2:
			for n := 1 + g.IntN(3); n > 0 && g.room > 0; n-- {
				if g.one(2) {
					g.call(missing[g.IntN(3)], proc, g.IntN(20), 40)
				} else {
					refs := specRefs(missing[g.IntN(3)])
					g.below([]specMade{g.add("root", gap.KindServer, proc, g.IntN(20), g.IntN(20), refs...)})
				}
			}
		default:
			g.below([]specMade{g.add("root", gap.Kind(g.IntN(5)), proc, lo, 40-g.IntN(20), nil...)})
		}
	}
	if g.one(50) {
		g.spans[0].Warnings = []string{"This span's timestamps were adjusted by -4.5ms"}
	}
	skews := []time.Duration{0, -1, 5 * time.Microsecond, 30 * time.Microsecond, time.Second}
	if g.one(2) {
		return g.spans, specDefaultSkew
	}
	return g.spans, skews[g.IntN(len(skews))]
}

// specShrink returns a part of the trace that still differs.
func specShrink(spans []gap.Span, maxSkew time.Duration) []gap.Span {
	for i := 0; i < len(spans); i++ {
		gone := spans[i].SpanID
		var fewer []gap.Span
		for _, s := range slices.Delete(slices.Clone(spans), i, i+1) {
			s.References = slices.DeleteFunc(slices.Clone(s.References), func(r gap.Reference) bool {
				return r.Type == gap.FollowsFrom && r.SpanID == gone
			})
			fewer = append(fewer, s)
		}
		if specCheck(fewer, maxSkew) != "" {
			spans, i = fewer, -1
		}
	}
	return spans
}

func specPrint(spans []gap.Span) string {
	var b strings.Builder
	for _, s := range spans {
		start := s.Start.Sub(specEpoch)
		fmt.Fprintf(&b, "%d %q [%v,%v) %v", s.SpanID, s.Operation, start, start+s.Duration, s.Tags)
		for _, r := range s.References {
			fmt.Fprintf(&b, " %c%d", "<~"[r.Type], r.SpanID) // < ChildOf, ~ FollowsFrom
		}
		if s.Process != nil {
			fmt.Fprint(&b, " ", *s.Process)
		}
		fmt.Fprintln(&b, "", strings.Join(s.Warnings, ""))
	}
	return b.String()
}
