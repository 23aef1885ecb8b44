package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// event is an event of Chrome's trace event format, which Perfetto also reads.
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
		SelfMS     float64 `json:"self_ms"`
		CriticalMS float64 `json:"critical_ms"`
	}
	segmentArgs struct {
		SpanID  string `json:"span_id"`
		Service string `json:"service"`
		Class   string `json:"class"`
	}
	gapArgs struct {
		CriticalMS float64 `json:"critical_ms"`
	}
)

// micros is a duration that is not negative. It is written exactly, in microseconds.
type micros time.Duration

// MarshalJSON implements json.Marshaler.
func (m micros) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", m/1000, m%1000), nil
}

// Perfetto writes the drawn traces in the trace event format, for ui.perfetto.dev and
// chrome://tracing. Each service of a trace is a process, with as many threads as its spans need.
// Gaps are slices inside their span, in the category "gap"; joined gaps are left out. Arrows lead
// from a span to its children on other threads. Each trace also has the process "critical path",
// whose slices are the segments of its critical path. Time 0 is the start of the first trace.
func (r *Report) Perfetto(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	p := &perfetto{list: &listWriter{b: b, e: e}}
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
	if r.seenAgain > 0 {
		head.Data["traces_seen_again"] = strconv.Itoa(r.seenAgain)
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
	list      *listWriter
	start     time.Time
	processes int
	flows     int
}

func (p *perfetto) at(t time.Time) *micros { return new(micros(t.Sub(p.start))) }

// criticalPath writes the segments of the critical path, those of roots that overlap on threads of
// their own.
func (p *perfetto) criticalPath(t *gap.Trace) {
	p.processes++
	p.processName(p.processes, "critical path", t)
	lanes := newLanes(p.processes)
	var root gap.Node
	var at *lane
	for s := range t.CriticalPath() {
		if at == nil || s.Node.Index() > root.Index()+root.Descendants() {
			root = rootOf(s.Node)
			at = lanes.place(root, nil)
		}
		p.list.element(event{
			Phase: "X", Name: s.Node.Span().Operation, Category: "critical", Process: at.process, Thread: at.thread,
			Time: p.at(s.Start), Duration: new(micros(s.Duration())),
			Args: segmentArgs{s.Node.Span().SpanID.String(), s.Node.Service(), s.Class.String()},
		})
	}
}

func rootOf(n gap.Node) gap.Node {
	for {
		parent, ok := n.Parent()
		if !ok {
			return n
		}
		n = parent
	}
}

func (p *perfetto) processName(process int, name string, t *gap.Trace) {
	p.list.element(event{
		Phase: "M", Name: "process_name", Process: process,
		Args: processArgs{name + ", trace " + t.ID().String()},
	})
}

func (p *perfetto) trace(t *gap.Trace) {
	p.criticalPath(t)
	nodes := slices.Collect(t.Nodes())
	// A stable sort keeps parents before their children.
	slices.SortStableFunc(nodes, func(a, b gap.Node) int { return a.Start().Compare(b.Start()) })
	lanes := map[string]*lanes{}
	places := make([]*lane, t.Len())
	for _, n := range nodes {
		service := lanes[n.Service()]
		if service == nil {
			p.processes++
			service = newLanes(p.processes)
			lanes[n.Service()] = service
			p.processName(service.process, cmp.Or(n.Service(), "unknown service"), t)
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
			arrow := event{
				Phase: "s", Name: "child", Category: "child",
				Process: above.process, Thread: above.thread, Flow: p.flows,
			}
			// An arrow must begin inside a slice of its parent, even if the child starts earlier or
			// later.
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
		if g.Joined() { // when it was is unknown
			continue
		}
		p.list.element(event{
			Phase: "X", Name: g.Class.String(), Category: "gap", Process: at.process, Thread: at.thread,
			Time: p.at(g.Start), Duration: new(micros(g.Time)), Args: gapArgs{milliseconds(g.CriticalTime)},
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
