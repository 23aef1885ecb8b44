package report

import (
	"fmt"

	"github.com/gaptrace/gaptrace/gap"
)

// otherMoment is a moment of a gap in which another goroutine worked than the span's own.
type otherMoment struct {
	service string
	at      *lane // of the span
	part    *gap.Part
	gap.Moment
}

// moments writes what the span's own goroutine did in a gap, inside the gap's slice. It keeps the
// moments of other goroutines until the threads of all spans are known.
func (p *perfetto) moments(n gap.Node, at *lane, g gap.Gap) {
	for _, m := range momentsOf(g) {
		part := &g.Explanation.Parts[m.Part]
		if part.Goroutine == 0 {
			p.moment(at, m, part)
		} else {
			p.others = append(p.others, otherMoment{n.Service(), at, part, m})
		}
	}
}

// goroutines writes the moments of other goroutines, each on a thread for its goroutine below the
// thread of the span. The gaps on one thread do not overlap, nor do the moments of a gap:
//
//	lane 1       |---span-----------------------|
//	                |-gap-----|   |-gap------|
//	goroutine 7     |lock|        |cpu|
//	goroutine 9           |cpu|        |cpu|
func (p *perfetto) goroutines(services map[string]*lanes) {
	type key struct {
		at        *lane
		goroutine uint64 // 0 for those that have no thread of their own
	}
	const most = 100
	threads := map[key]*lane{}
	for i := range p.others {
		m := &p.others[i]
		k := key{m.at, m.part.Goroutine}
		if threads[k] == nil && len(threads) >= most {
			k.goroutine = 0
		}
		if threads[k] == nil {
			service := services[m.service]
			service.count++
			threads[k] = &lane{process: service.process, thread: service.count}
			name := fmt.Sprintf("goroutine %d", k.goroutine)
			if k.goroutine == 0 {
				name = "other goroutines"
			}
			p.threadName(threads[k], m.at, len(threads), name)
		}
		p.moment(threads[k], m.Moment, m.part)
	}
	p.others = p.others[:0]
}

// threadName names a thread, and orders it below another one.
func (p *perfetto) threadName(at, below *lane, order int, name string) {
	p.open('M', "thread_name", "", at.process, at.thread)
	p.text(`,"args":{"name":`, name)
	p.close("}}")
	const space = 1_000_000 // between two threads of spans
	for _, t := range []struct {
		at    *lane
		index int
	}{{below, below.thread * space}, {at, below.thread*space + order}} {
		p.open('M', "thread_sort_index", "", t.at.process, t.at.thread)
		p.number(`,"args":{"sort_index":`, t.index)
		p.close("}}")
	}
}

// moment writes a moment with its evidence.
func (p *perfetto) moment(at *lane, m gap.Moment, part *gap.Part) {
	p.slice(CauseName(part.Cause), "cause", at, m.Start, m.End.Sub(m.Start))
	p.text(`,"args":{"cause":`, known(part.Cause).String())
	optional := func(key, text string) {
		if text != "" {
			p.text(key, text)
		}
	}
	optional(`,"at":`, part.Frame.String())
	optional(`,"function":`, part.Frame.Function)
	optional(`,"reason":`, reason(part))
	optional(`,"client":`, part.Client)
	optional(`,"wrapper":`, part.Wrapper)
	optional(`,"rule":`, part.Rule)
	if by := part.HeldBy; by != (gap.Holder{}) {
		p.text(`,"held_by":`, by.Operation)
		p.text(`,"held_by_trace":`, by.TraceID.String())
		p.id(`,"held_by_span":`, by.SpanID)
	}
	if part.Goroutine != 0 {
		p.event = fmt.Appendf(p.event, `,"goroutine":%d`, part.Goroutine)
	}
	if part.Cause == gap.CauseCPU || part.Cause == gap.CauseNoCPU {
		p.text(`,"proof":`, part.Proof.String())
	}
	if part.Samples > 0 {
		p.number(`,"samples":`, part.Samples)
	}
	p.close("}}")
}
