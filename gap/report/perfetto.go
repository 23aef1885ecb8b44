package report

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// event is one of the trace event format of Chrome, which Perfetto reads, too.
type event struct {
	Phase    string  `json:"ph"`
	Name     string  `json:"name,omitempty"`
	Category string  `json:"cat,omitempty"`
	Process  int     `json:"pid"`
	Thread   int     `json:"tid"`
	Time     *micros `json:"ts,omitempty"`
	Duration *micros `json:"dur,omitempty"`
	Flow     int     `json:"id,omitempty"`
	Binding  string  `json:"bp,omitempty"`
	Args     any     `json:"args,omitempty"`
}

type (
	processArgs struct {
		Name string `json:"name"`
	}
	spanArgs struct {
		SpanID     string  `json:"span_id"`
		OwnMS      float64 `json:"self_ms"`
		CriticalMS float64 `json:"critical_ms"`
	}
	gapArgs struct {
		CriticalMS float64 `json:"critical_ms"`
	}
)

// micros is a time that is not negative. It is written in microseconds, exactly.
type micros time.Duration

// MarshalJSON implements json.Marshaler.
func (m micros) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", m/1000, m%1000), nil
}

// Perfetto writes the traces that are drawn in the trace event format, for ui.perfetto.dev and chrome://tracing. Every service of a trace is a
// process there, whose threads are as many lanes as its spans need. A span's gaps lie on it, in the category "gap"; arrows lead from
// a span to those of its children that are on other lanes. Time 0 is the start of the first trace.
func (r *Report) Perfetto(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	p := &perfetto{list: &lister{b: b, e: e}}
	traces := r.Traces()
	slices.SortStableFunc(traces, func(a, b *gap.Trace) int {
		return cmp.Or(a.Start().Compare(b.Start()), compareTraces(a, b))
	})
	head := struct {
		Unit string            `json:"displayTimeUnit"`
		Data map[string]string `json:"otherData"`
	}{"ms", map[string]string{}}
	if len(traces) > 0 {
		p.start = traces[0].Start()
		head.Data["start"] = p.start.Format(time.RFC3339Nano)
	}
	p.list.open(head, "traceEvents")
	for _, t := range traces {
		p.trace(t)
	}
	b.WriteString("]}\n")
	if p.list.err != nil {
		return p.list.err
	}
	return b.Flush()
}

// perfetto writes events.
type perfetto struct {
	list      *lister
	start     time.Time
	processes int
	flows     int
}

func (p *perfetto) at(t time.Time) *micros { return new(micros(t.Sub(p.start))) }

func (p *perfetto) trace(t *gap.Trace) {
	nodes := slices.Collect(t.Nodes())
	slices.SortStableFunc(nodes, func(a, b gap.Node) int { return a.Start().Compare(b.Start()) }) // parents stay before their children
	lanes := map[string]*lanes{}
	places := make([]*lane, t.Len())
	for _, n := range nodes {
		service := lanes[n.Service()]
		if service == nil {
			p.processes++
			service = newLanes(p.processes)
			lanes[n.Service()] = service
			p.list.element(event{
				Phase: "M", Name: "process_name", Process: service.process,
				Args: processArgs{cmp.Or(n.Service(), "unknown service") + ", trace " + t.ID().String()},
			})
		}
		var above *lane
		parent, hasParent := n.Parent()
		if hasParent {
			above = places[parent.Index()]
		}
		at := service.place(n, above)
		places[n.Index()] = at
		p.span(n, at)
		if above != nil && above != at {
			p.flows++
			arrow := event{Phase: "s", Name: "child", Category: "child", Process: above.process, Thread: above.thread, Flow: p.flows}
			// An arrow begins on its parent, whatever the clocks say.
			arrow.Time = p.at(clamp(n.Start(), parent.Start(), parent.End()))
			p.list.element(arrow)
			arrow.Phase, arrow.Binding, arrow.Process, arrow.Thread = "f", "e", at.process, at.thread
			arrow.Time = p.at(n.Start())
			p.list.element(arrow)
		}
	}
}

func clamp(t, low, high time.Time) time.Time {
	switch {
	case t.Before(low):
		return low
	case t.After(high):
		return high
	}
	return t
}

func (p *perfetto) span(n gap.Node, at *lane) {
	p.list.element(event{
		Phase: "X", Name: n.Span().Operation, Category: n.Kind().String(), Process: at.process, Thread: at.thread,
		Time: p.at(n.Start()), Duration: new(micros(n.Duration())),
		Args: spanArgs{n.Span().SpanID.String(), milliseconds(n.SelfTime()), milliseconds(n.CriticalTime())},
	})
	for g := range n.Gaps(0) {
		if g.Joined() { // nobody knows where it lies
			continue
		}
		p.list.element(event{
			Phase: "X", Name: g.Class.String(), Category: "gap", Process: at.process, Thread: at.thread,
			Time: p.at(g.Start), Duration: new(micros(g.Time)), Args: gapArgs{milliseconds(g.CriticalTime)},
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// lanes are the threads of a process: on each of them a span lies within the one before it, or behind it.
type lanes struct {
	process int
	all     int
	free    freeLanes
}

// lane is one of them. The spans that lie on it one above the other, the parent of each below it, are a stack.
type lane struct {
	process, thread int
	stack           []gap.Node
	end             time.Time // of the lowest
}

func newLanes(process int) *lanes { return &lanes{process: process} }

// place puts a span on a lane: that of its parent if it is the last on it, waits for this span and holds all of it, or else one
// that is empty by then. Spans come by their start.
func (l *lanes) place(n gap.Node, above *lane) *lane {
	if above != nil && above.process == l.process && n.Blocking() && !n.Outlives() {
		for len(above.stack) > 0 && !above.stack[len(above.stack)-1].End().After(n.Start()) {
			above.stack = above.stack[:len(above.stack)-1]
		}
		if parent, _ := n.Parent(); len(above.stack) > 0 && above.stack[len(above.stack)-1] == parent {
			above.stack = append(above.stack, n)
			return above
		}
	}
	var at *lane
	if len(l.free) > 0 && !l.free[0].end.After(n.Start()) {
		at = heap.Pop(&l.free).(*lane)
	} else {
		l.all++
		at = &lane{process: l.process, thread: l.all}
	}
	at.stack, at.end = append(at.stack[:0], n), n.End()
	heap.Push(&l.free, at)
	return at
}

// freeLanes has the lane first that ends first.
type freeLanes []*lane

func (f freeLanes) Len() int { return len(f) }
func (f freeLanes) Less(i, j int) bool {
	return cmp.Or(f[i].end.Compare(f[j].end), cmp.Compare(f[i].thread, f[j].thread)) < 0
}
func (f freeLanes) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *freeLanes) Push(x any)   { *f = append(*f, x.(*lane)) }
func (f *freeLanes) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	*f = (*f)[:last]
	return x
}
