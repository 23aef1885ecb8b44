package report

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// axisUnits is the width of a waterfall in SVG units. CSS scales it.
const axisUnits = 1000

// htmlTrace is a trace, for the template.
type htmlTrace struct {
	drawn
	page     *htmlPage
	Number   int // from 1
	length   time.Duration
	unit     time.Duration
	unitName string
	rows     []row
	ids      map[gap.Node]anchor
	windows  []window // by index of the span
}

// ID returns the trace id.
func (t *htmlTrace) ID() gap.TraceID { return t.trace.ID() }

// Jaeger returns the URL of the trace in Jaeger's UI, or "".
func (t *htmlTrace) Jaeger() string { return t.page.jaegerURL(t.trace.ID(), 0) }

// Facts returns the texts below the trace's heading.
func (t *htmlTrace) Facts() []string {
	self := t.trace.SelfTime()
	facts := []string{
		duration(t.trace.Duration()), fmt.Sprintf("%d %s", t.trace.Len(), printable.Plural(t.trace.Len(), "span")),
		t.trace.Start().Format("2006-01-02 15:04:05.000 UTC"), "self time " + duration(self),
	}
	if self > 0 {
		facts[3] += fmt.Sprintf(", %s of it on the critical path", duration(t.critical))
	}
	return facts
}

// WarningCount returns the number of warnings.
func (t *htmlTrace) WarningCount() int { return len(t.warnings) }

// Warnings returns the texts of the first 100 warnings.
func (t *htmlTrace) Warnings() (texts []string) {
	const most = 100
	for _, w := range t.warnings[:min(len(t.warnings), most)] {
		texts = append(texts, warning(w))
	}
	if more := len(t.warnings) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return texts
}

// tick is a label of the time axis.
type tick struct {
	Percent string
	Label   string
}

// Ticks returns the labels of the time axis. There are at most six, which fit on a phone.
func (t *htmlTrace) Ticks() (ticks []tick) {
	step := roundStep(func(step time.Duration) bool { return t.length/step < 6 })
	for at := time.Duration(0); at < t.length; at += step {
		label := strconv.FormatFloat(float64(at)/float64(t.unit), 'f', -1, 64) + " " + t.unitName
		if float64(at) > 0.92*float64(t.length) {
			label = "" // it would not fit
		}
		ticks = append(ticks, tick{coordinate(100*float64(at)/float64(t.length)) + "%", label})
		if at > math.MaxInt64-step {
			break
		}
	}
	return ticks
}

// Chunks returns the rows in groups. Browsers lay out a group when it is scrolled into view.
func (t *htmlTrace) Chunks() iter.Seq[[]row] {
	const size = 50 // as in page.css
	return slices.Chunk(t.rows, size)
}

// htmlRow is a row of a waterfall, for the template.
type htmlRow struct {
	ID            string
	Level, Indent int
	Service, Name string
	Long          bool // the name may not fit
	Notes         []string
	Line          string // SVG path that draws the spans
	Gaps          []htmlMark
	Critical      string // SVG path that outlines the critical path
	Label         string // for screen readers
	Time, Self    string
	LeftOut       string // if set, the row stands for spans that are left out
}

// htmlMark draws one gap, or all gaps of a class that are too narrow to be drawn apart.
type htmlMark struct {
	Class             gap.Class
	X, Y, Width, High string
	Path              string // if set, it draws the gaps instead of X, Y, Width and High
	Data              string
	Title             string

	path, data []byte // buffers of Path and Data: a row may have a hundred thousand gaps
}

// heights are the top and the height of a gap, in a row that is ten units high. Classes differ by
// them, and not only by colour.
var heights = map[gap.Class][2]int{gap.ClassSelf: {0, 10}, gap.ClassWire: {2, 6}, gap.ClassRemote: {2, 6}}

// Row prepares a row for the template.
func (t *htmlTrace) Row(r row) htmlRow {
	const deepest = 10 // as in page.css
	h := htmlRow{Level: r.depth + 1, Indent: min(r.depth, deepest)}
	if len(r.nodes) == 0 {
		h.LeftOut = fmt.Sprintf("%d more %s", r.leftOut, printable.Plural(r.leftOut, "span"))
		return h
	}
	first := r.nodes[0]
	if a, ok := t.ids[first]; ok {
		h.ID = a.String()
	}
	h.Service, h.Name = printable.Name(r.service), printable.Name(first.Span().Operation)
	h.Long = utf8.RuneCountInString(h.Service)+utf8.RuneCountInString(h.Name) > 24

	var line strings.Builder
	outline := outline{trace: t}
	var total, self, joined time.Duration
	narrow := map[gap.Class]*htmlMark{}
	last := first.End()
	selfs := 0
	for _, n := range r.nodes {
		total += n.Duration()
		self += n.SelfTime()
		if n.End().After(last) {
			last = n.End()
		}
		const least = 1.5 // visible, even if the span is shorter
		x, width := t.x(n.Start()), max(t.x(n.End())-t.x(n.Start()), least)
		x = min(x, axisUnits-width)
		fmt.Fprintf(&line, "M%s 4h%sv2h-%[2]sz", coordinate(x), coordinate(width))
		for g := range n.Gaps(0) {
			if g.Joined() { // when it was is unknown, so it cannot be drawn
				joined += g.Time
				continue
			}
			if g.Class == gap.ClassSelf {
				selfs++
			}
			h.Gaps = t.mark(h.Gaps, narrow, n, g)
			if g.CriticalTime > 0 {
				outline.add(t.windows[n.Index()].clip(t.trace, g), g.Class)
			}
		}
	}
	for _, class := range []gap.Class{gap.ClassSelf, gap.ClassWire, gap.ClassRemote} {
		if m := narrow[class]; m != nil {
			m.Path, m.Data = string(m.path), string(m.data)
			h.Gaps = append(h.Gaps, *m)
		}
	}
	h.Line = line.String()
	h.Critical = outline.close()
	start := t.trace.Start()
	h.Label = fmt.Sprintf("from %s to %s", duration(first.Start().Sub(start)), duration(last.Sub(start)))
	if selfs > 0 {
		h.Label += fmt.Sprintf(", %d %s of self time", selfs, printable.Plural(selfs, "gap"))
	}
	if outline.time > 0 {
		h.Label += fmt.Sprintf(", %s of it on the critical path", duration(outline.time))
	}
	h.Time = t.amount(total)
	if self > 0 {
		h.Self = t.amount(self)
	}
	h.Notes = notes(r, joined)
	return h
}

// mark adds a gap to the marks, or to the narrow marks if it is too narrow for one.
func (t *htmlTrace) mark(marks []htmlMark, narrow map[gap.Class]*htmlMark, n gap.Node, g gap.Gap) []htmlMark {
	const least = 2 // wide enough to point at
	from, to := g.Start.Sub(t.trace.Start()), g.End.Sub(t.trace.Start())
	x, width := t.x(g.Start), t.x(g.End)-t.x(g.Start)
	height := heights[g.Class]
	if width >= least {
		m := htmlMark{
			Class: g.Class, Data: string(gapData(nil, n, g, from, to)),
			X: coordinate(x), Y: strconv.Itoa(height[0]), Width: coordinate(width), High: strconv.Itoa(height[1]),
		}
		if g.Class != gap.ClassRemote { // most of these cover a whole span, whose row has the times
			m.Title = fmt.Sprintf("%s: %s, from %s", g.Class, duration(g.Time), duration(from))
		}
		return append(marks, m)
	}
	m := narrow[g.Class]
	if m == nil {
		m = &htmlMark{Class: g.Class}
		narrow[g.Class] = m
	} else {
		m.data = append(m.data, ';')
	}
	m.data = gapData(m.data, n, g, from, to)
	m.path = fmt.Appendf(m.path, "M%s %dh%sv%dh-%[3]sz", coordinate(x), height[0], coordinate(width), height[1])
	return marks
}

func gapData(to []byte, n gap.Node, g gap.Gap, start, end time.Duration) []byte {
	return fmt.Appendf(to, "%s %s %d %d", g.Class, n.Span().SpanID, start, end)
}

// notes returns what a row says in addition to its times.
func notes(r row, joined time.Duration) (notes []string) {
	n := r.nodes[0]
	if later := len(r.nodes) - 1; later > 0 {
		notes = append(notes, fmt.Sprintf("+%d %s", later, printable.Plural(later, "wait")))
	}
	if joined > 0 {
		notes = append(notes, duration(joined)+" in joined waits")
	}
	if n.Incomplete() {
		notes = append(notes, "parent missing")
	}
	if n.Outlives() {
		notes = append(notes, "outlives parent")
	}
	if n.Detached() {
		notes = append(notes, "detached")
	}
	return notes
}

// outline outlines the parts of a row that are on the critical path. Parts that are too close to be
// drawn apart share an outline, since a row may have a hundred thousand.
type outline struct {
	trace    *htmlTrace
	time     time.Duration // of all parts
	from, to float64       // of the outline that is open
	height   [2]int        // its top and height; zero if no outline is open
	path     []byte
}

func (o *outline) add(w window, class gap.Class) {
	const least = 1 // the distance of two outlines
	o.time += w.end - w.start
	from, to := o.trace.coordinateOf(w.start), o.trace.coordinateOf(w.end)
	if o.height == heights[class] && from >= o.from && from-o.to < least {
		o.to = max(o.to, to)
		return
	}
	o.close()
	o.from, o.to, o.height = from, to, heights[class]
}

// close ends the open outline, and returns the SVG path of all.
func (o *outline) close() string {
	if o.height != [2]int{} {
		o.path = fmt.Appendf(o.path, "M%s %dh%sv%dh-%[3]sz",
			coordinate(o.from), o.height[0], coordinate(o.to-o.from), o.height[1])
		o.height = [2]int{}
	}
	return string(o.path)
}

// x returns the coordinate of a time.
func (t *htmlTrace) x(at time.Time) float64 {
	return t.coordinateOf(at.Sub(t.trace.Start()))
}

// coordinateOf returns the coordinate of a time that counts from the start of the trace.
func (t *htmlTrace) coordinateOf(at time.Duration) float64 {
	return float64(at) / float64(t.length) * axisUnits
}

// amount formats a duration in the unit of the trace, so that durations are easy to compare. A very
// short one has a smaller unit.
func (t *htmlTrace) amount(d time.Duration) string {
	if d < t.unit/10 {
		return duration(d)
	}
	return strconv.FormatFloat(float64(d)/float64(t.unit), 'f', 2, 64) + " " + t.unitName
}

// coordinate formats a coordinate, more exactly than any screen.
func coordinate(x float64) string {
	return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64)
}

// htmlTraceGap is a row of the table of a trace's gaps.
type htmlTraceGap struct {
	Span               htmlSpan
	Class              gap.Class
	At, Time, Critical string
	Joined             bool
}

// Gaps returns the longest gaps of the trace, ordered by start. Their table is the waterfall for
// those who cannot see it.
func (t *htmlTrace) Gaps() (gaps []htmlTraceGap) {
	for _, g := range longest(t.trace, 100) {
		s := g.Node.Span()
		gaps = append(gaps, htmlTraceGap{
			Span:  t.page.span(g.Node.Service(), s.Operation, t.trace.ID(), s.SpanID),
			Class: g.Class, Joined: g.Joined(),
			At: duration(g.Start.Sub(t.trace.Start())), Time: duration(g.Time), Critical: duration(g.CriticalTime),
		})
	}
	return gaps
}
