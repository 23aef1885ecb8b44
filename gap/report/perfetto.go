package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Perfetto writes the drawn traces in the trace event format, for ui.perfetto.dev and
// chrome://tracing. Each service of a trace is a process, with as many threads as its spans need.
// Gaps are slices inside their span, in the category "gap"; joined gaps are left out. Arrows lead
// from a span to its children on other threads. The moments of an explained gap are slices inside
// it, in the category "cause"; those of another goroutine than the span's own are on a thread of
// that goroutine. Each trace also has the process "critical path", whose slices are the segments of
// its critical path. Time 0 is the start of the first trace.
func (r *Report) Perfetto(w io.Writer) error {
	b := bufio.NewWriter(w)
	p := &perfetto{list: &listWriter{b: b}}
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
	for key, n := range map[string]int{
		"traces_seen_again": r.caveats.seenAgain, "traces_incomplete": r.caveats.incomplete,
		"spans_moved": r.caveats.moved,
	} {
		if n > 0 {
			head.Data[key] = strconv.Itoa(n)
		}
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

// perfetto writes events of Chrome's trace event format, which Perfetto also reads.
type perfetto struct {
	list      *listWriter
	event     []byte // that is being written
	start     time.Time
	processes int
	flows     int
	others    []otherMoment // of the trace that is being written
}

// open begins an event of a phase, such as X for a slice. Encoding events by encoding/json would
// take most of the time for a trace.
func (p *perfetto) open(phase byte, name, category string, process, thread int) {
	p.event = append(append(append(p.event[:0], `{"ph":"`...), phase), '"')
	if name != "" {
		p.text(`,"name":`, name)
	}
	if category != "" {
		p.text(`,"cat":`, category)
	}
	p.number(`,"pid":`, process)
	p.number(`,"tid":`, thread)
}

// slice begins an event that is drawn.
func (p *perfetto) slice(name, category string, at *lane, start time.Time, length time.Duration) {
	p.open('X', name, category, at.process, at.thread)
	p.micros(`,"ts":`, start.Sub(p.start))
	p.micros(`,"dur":`, length)
}

// close writes the event. end has the braces that are open.
func (p *perfetto) close(end string) {
	p.list.separate()
	p.list.b.Write(append(append(p.event, end...), '\n')) // Flush returns the error
}

func (p *perfetto) text(key, text string) { p.event = appendString(append(p.event, key...), text) }

func (p *perfetto) number(key string, n int) {
	p.event = strconv.AppendInt(append(p.event, key...), int64(n), 10)
}

func (p *perfetto) id(key string, id gap.SpanID) {
	p.event = append(appendID(append(append(p.event, key...), '"'), id), '"')
}

// micros writes a duration that is not negative exactly, in microseconds.
func (p *perfetto) micros(key string, d time.Duration) {
	p.event = strconv.AppendInt(append(p.event, key...), int64(d/1000), 10)
	rest := d % 1000
	p.event = append(p.event, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}

func (p *perfetto) millis(key string, d time.Duration) {
	p.event = strconv.AppendFloat(append(p.event, key...), float64(d)/float64(time.Millisecond), 'f', -1, 64)
}

// appendString appends text as encoding/json writes it without escaping HTML.
func appendString(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			_ = e.Encode(text) // a string always has an encoding
			return append(to, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}

// appendID appends what [gap.SpanID.String] returns.
func appendID(to []byte, id gap.SpanID) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		to = append(to, "0123456789abcdef"[id>>shift&15])
	}
	return to
}

// criticalPath writes the segments of the critical path, those of roots that overlap on threads of
// their own. A call that is a root is on one thread with its later waits, as what is below one of
// them may be on the path during another.
func (p *perfetto) criticalPath(t *gap.Trace) {
	p.processes++
	p.processName(p.processes, "critical path", t)
	roots := slices.Collect(t.Roots())
	rootOf := func(n gap.Node) int { // the index in roots of the call that n is below
		below := func(r, n gap.Node) int { return cmp.Compare(r.Index()+r.Descendants(), n.Index()) }
		i, _ := slices.BinarySearchFunc(roots, n, below)
		if call := roots[i].Call(); call != roots[i] {
			i, _ = slices.BinarySearchFunc(roots, call, below)
		}
		return i
	}
	ends := make([]time.Time, len(roots))
	for s := range t.CriticalPath() {
		if i := rootOf(s.Node); s.End.After(ends[i]) {
			ends[i] = s.End
		}
	}
	at, lanes := make([]*lane, len(roots)), newLanes(p.processes)
	for i, root := range roots {
		if !ends[i].IsZero() {
			at[i] = lanes.free(root.Start(), ends[i])
		}
	}
	for s := range t.CriticalPath() {
		p.slice(s.Node.Span().Operation, "critical", at[rootOf(s.Node)], s.Start, s.Duration())
		p.id(`,"args":{"span_id":`, s.Node.Span().SpanID)
		p.text(`,"service":`, s.Node.Service())
		p.text(`,"class":`, s.Class.String())
		p.close("}}")
	}
}

func (p *perfetto) processName(process int, name string, t *gap.Trace) {
	p.open('M', "process_name", "", process, 0)
	name += ", trace " + t.ID().String()
	if t.Incomplete() {
		name += " (spans are missing)"
	}
	p.text(`,"args":{"name":`, name)
	p.close("}}")
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
			// An arrow must begin inside a slice of its parent, even if the child starts earlier or
			// later.
			p.arrow('s', above, clamp(n.Start(), parent.Start(), parent.End()))
			p.arrow('f', at, n.Start())
		}
	}
	p.goroutines(lanes)
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

// arrow writes the start (phase s) or the end (f) of an arrow from a span to its child.
func (p *perfetto) arrow(phase byte, at *lane, moment time.Time) {
	p.open(phase, "child", "child", at.process, at.thread)
	p.micros(`,"ts":`, moment.Sub(p.start))
	p.number(`,"id":`, p.flows)
	if phase == 'f' {
		p.text(`,"bp":`, "e") // it ends at the slice around it, not at the next one
	}
	p.close("}")
}

func (p *perfetto) span(n gap.Node, at *lane) {
	p.slice(n.Span().Operation, n.Kind().String(), at, n.Start(), n.Duration())
	p.id(`,"args":{"span_id":`, n.Span().SpanID)
	p.millis(`,"self_ms":`, n.SelfTime())
	p.millis(`,"critical_ms":`, n.CriticalTime())
	if moved := n.Moved(); moved != 0 {
		p.millis(`,"moved_ms":`, moved)
	}
	if n.Failed() {
		p.close(`,"failed":true},"cname":"terrible"}`) // chrome://tracing draws it in red
	} else {
		p.close("}}")
	}
	for g := range n.Gaps(0) {
		if g.Joined() { // when it was is unknown
			continue
		}
		p.slice(g.Class.String(), "gap", at, g.Start, g.Time)
		p.millis(`,"args":{"critical_ms":`, g.CriticalTime)
		if g.Explanation == nil {
			p.close("}}")
			continue
		}
		p.text(`,"verdict":`, Verdict(g.Explanation.Parts))
		p.close("}}")
		p.moments(n, at, g)
	}
}
