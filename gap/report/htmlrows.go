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

// axisUnits is how wide the pictures of a waterfall are, whatever width they are shown at.
const axisUnits = 1000

// htmlTrace is a trace as the template sees it.
type htmlTrace struct {
	drawn
	page     *page
	Number   int // from 1
	length   time.Duration
	unit     time.Duration
	unitName string
	rows     []row
	ids      map[gap.Node]anchor
}

// ID returns the id of the trace.
func (t *htmlTrace) ID() gap.TraceID { return t.trace.ID() }

// Jaeger is where Jaeger's UI shows the trace.
func (t *htmlTrace) Jaeger() string { return t.page.jaegerURL(t.trace.ID(), 0) }

// Facts says what stands below the trace's heading.
func (t *htmlTrace) Facts() []string {
	self := selfTime(t.trace)
	facts := []string{
		duration(span(t.trace)), fmt.Sprintf("%d %s", t.trace.Len(), printable.Plural(t.trace.Len(), "span")),
		t.trace.Start().Format("2006-01-02 15:04:05.000 UTC"), "self time " + duration(self),
	}
	if self > 0 {
		facts[3] += fmt.Sprintf(", %s of it on the critical path", duration(t.critical))
	}
	return facts
}

// WarningCount returns how many there are.
func (t *htmlTrace) WarningCount() int { return len(t.warnings) }

// Warnings are texts, at most some: what was wrong in the same way everywhere needs no list.
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

// tick is a moment that the axis names.
type tick struct {
	Percent string
	Label   string
}

// Ticks returns the moments that the axis names: at most six, so that a telephone has room for them.
func (t *htmlTrace) Ticks() (ticks []tick) {
	step := roundStep(func(step time.Duration) bool { return t.length/step < 6 })
	for at := time.Duration(0); at < t.length; at += step {
		label := strconv.FormatFloat(float64(at)/float64(t.unit), 'f', -1, 64) + " " + t.unitName
		if float64(at) > 0.92*float64(t.length) {
			label = "" // it would stand out of the picture
		}
		ticks = append(ticks, tick{number(100*float64(at)/float64(t.length)) + "%", label})
		if at > math.MaxInt64-step {
			break
		}
	}
	return ticks
}

// Chunks returns the rows in groups that browsers can lay out when they are scrolled to.
func (t *htmlTrace) Chunks() iter.Seq[[]row] {
	const size = 50 // page.css knows it
	return slices.Chunk(t.rows, size)
}

// htmlRow is a row as the template sees it.
type htmlRow struct {
	ID            string
	Level, Indent int
	Service, Name string
	Long          bool // the name may not fit
	Notes         []string
	Line          string // the path that draws the spans
	Gaps          []htmlMark
	Says          string
	Time, Self    string
	LeftOut       string // instead of all that, what is left out
}

// htmlMark draws a gap, or all gaps of a class that are too narrow for one each.
type htmlMark struct {
	Class             gap.Class
	X, Y, Width, High string
	Path              string // instead of these
	Data              string
	Title             string

	path, data []byte // Path and Data in the making: there may be a hundred thousand
}

// bands say how far down and how high a gap is drawn in a row of ten units: classes differ by more than their colour.
var bands = map[gap.Class][2]int{gap.ClassSelf: {0, 10}, gap.ClassWire: {2, 6}, gap.ClassRemote: {2, 6}}

// Row makes a row ready for the template.
func (t *htmlTrace) Row(r row) htmlRow {
	const deepest = 10 // page.css knows it
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
		// What is shorter than can be seen is seen all the same.
		const least = 1.5
		x, width := t.x(n.Start()), max(t.x(n.End())-t.x(n.Start()), least)
		x = min(x, axisUnits-width)
		fmt.Fprintf(&line, "M%s 4h%sv2h-%[2]sz", number(x), number(width))
		for g := range n.Gaps(0) {
			if g.Joined() { // nobody knows where it lies
				joined += g.Time
				continue
			}
			if g.Class == gap.ClassSelf {
				selfs++
			}
			h.Gaps = t.mark(h.Gaps, narrow, n, g)
		}
	}
	for _, class := range []gap.Class{gap.ClassSelf, gap.ClassWire, gap.ClassRemote} {
		if m := narrow[class]; m != nil {
			m.Path, m.Data = string(m.path), string(m.data)
			h.Gaps = append(h.Gaps, *m)
		}
	}
	h.Line = line.String()
	h.Says = fmt.Sprintf("from %s to %s", duration(first.Start().Sub(t.trace.Start())), duration(last.Sub(t.trace.Start())))
	if selfs > 0 {
		h.Says += fmt.Sprintf(", %d %s of self time", selfs, printable.Plural(selfs, "gap"))
	}
	h.Time = t.amount(total)
	if self > 0 {
		h.Self = t.amount(self)
	}
	h.Notes = notes(r, joined)
	return h
}

// mark adds what draws a gap.
func (t *htmlTrace) mark(marks []htmlMark, narrow map[gap.Class]*htmlMark, n gap.Node, g gap.Gap) []htmlMark {
	const least = 2 // units that can be pointed at
	from, to := g.Start.Sub(t.trace.Start()), g.End.Sub(t.trace.Start())
	x, width := t.x(g.Start), t.x(g.End)-t.x(g.Start)
	band := bands[g.Class]
	if width >= least {
		m := htmlMark{Class: g.Class, X: number(x), Y: strconv.Itoa(band[0]), Width: number(width), High: strconv.Itoa(band[1]), Data: string(gapData(nil, n, g, from, to))}
		if g.Class != gap.ClassRemote { // it is mostly all of a span, and the row tells the same
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
	m.path = fmt.Appendf(m.path, "M%s %dh%sv%dh-%[3]sz", number(x), band[0], number(width), band[1])
	return marks
}

func gapData(to []byte, n gap.Node, g gap.Gap, start, end time.Duration) []byte {
	return fmt.Appendf(to, "%s %s %d %d", g.Class, n.Span().SpanID, start, end)
}

// notes are what is to be known of a row beside its times.
func notes(r row, joined time.Duration) (notes []string) {
	n := r.nodes[0]
	if later := len(r.nodes) - 1; later > 0 {
		notes = append(notes, fmt.Sprintf("+%d %s", later, printable.Plural(later, "wait")))
	}
	if joined > 0 {
		notes = append(notes, duration(joined)+" in joined waits")
	}
	for _, is := range []struct {
		so   bool
		note string
	}{{n.Incomplete(), "parent missing"}, {n.Outlives(), "outlives parent"}, {n.Detached(), "detached"}} {
		if is.so {
			notes = append(notes, is.note)
		}
	}
	return notes
}

// x says how far from the left a moment is drawn.
func (t *htmlTrace) x(at time.Time) float64 {
	return float64(at.Sub(t.trace.Start())) / float64(t.length) * axisUnits
}

// amount is a time in the unit of all times of the trace, so that they can be compared by looking at them, unless it is so short that
// nothing would be left of it.
func (t *htmlTrace) amount(d time.Duration) string {
	if d < t.unit/10 {
		return duration(d)
	}
	return strconv.FormatFloat(float64(d)/float64(t.unit), 'f', 2, 64) + " " + t.unitName
}

// number is x for a picture: finer than any screen.
func number(x float64) string {
	return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64)
}

// htmlPlace is a line of the table of a trace's gaps.
type htmlPlace struct {
	Span               htmlSpan
	Class              gap.Class
	At, Time, Critical string
	Joined             bool
}

// Places returns the longest gaps of the trace, by time: what the picture shows, in words.
func (t *htmlTrace) Places() (places []htmlPlace) {
	for _, g := range longest(t.trace, 100) {
		s := g.Node.Span()
		places = append(places, htmlPlace{
			Span: t.page.span(g.Node.Service(), s.Operation, t.trace.ID(), s.SpanID), Class: g.Class, Joined: g.Joined(),
			At: duration(g.Start.Sub(t.trace.Start())), Time: duration(g.Time), Critical: duration(g.CriticalTime),
		})
	}
	return places
}
