package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// axisUnits is the width of a waterfall in SVG units. CSS scales it.
const axisUnits = 1000

// heights are the top and the height of a gap, in a row that is ten units high. Classes differ by
// them, and not only by colour.
var heights = [...][2]int64{gap.ClassSelf: {0, 10}, gap.ClassWire: {2, 6}, gap.ClassRemote: {2, 6}}

// htmlBar draws a row as SVG: its spans, their gaps, and the critical path. It uses no template,
// which would take most of the time for a page. Only the titles of explained gaps hold untrusted
// text. Its buffers serve all rows of a page, one after the other.
type htmlBar struct {
	trace   *gap.Trace
	start   time.Time
	length  time.Duration
	details map[gap.Node][]gap.Gap // see htmlTrace

	spans  []byte        // path that draws the spans
	gaps   []byte        // elements of the gaps
	narrow narrow        // by class
	causes *causeNarrow  // the same for explained gaps, by their largest cause; nil until there is one
	joined time.Duration // of gaps that cannot be drawn
	selfs  int           // number of gaps of self time
}

type (
	narrow      [3]narrowGaps
	causeNarrow [gap.NumCauses]narrowGaps
)

// narrowGaps are the gaps of a class that are too narrow to be drawn apart. They share an element,
// since a row may have a hundred thousand.
type narrowGaps struct{ path, data []byte }

func (b *htmlBar) reset(t *htmlTrace) {
	b.trace, b.start, b.length, b.details = t.trace, t.trace.Start(), t.length, t.details
}

// draw draws the spans of a row, and the parts of the critical path in them. self is their self
// time.
func (b *htmlBar) draw(nodes []gap.Node, self time.Duration, path func(func(pathPart) bool)) template.HTML {
	b.spans, b.gaps, b.joined, b.selfs = b.spans[:0], b.gaps[:0], 0, 0
	for i := range b.narrow {
		b.narrow[i].path, b.narrow[i].data = b.narrow[i].path[:0], b.narrow[i].data[:0]
	}
	b.causes = nil
	first, last := nodes[0].Start().Sub(b.start), time.Duration(0)
	for _, n := range nodes {
		last = max(last, n.End().Sub(b.start))
		b.span(n)
		for g := range n.Gaps(0) {
			if g.Joined() { // when it was is unknown
				b.joined += g.Time
			} else {
				b.gap(n, g)
			}
		}
	}
	label := "from " + duration(first) + " to " + duration(last)
	if self > 0 {
		label += ", " + duration(self) + " of self time"
		if b.selfs > 0 {
			label += fmt.Sprintf(" in %d %s", b.selfs, printable.Plural(b.selfs, "gap"))
		}
	}
	return template.HTML(b.svg(label, path))
}

func (b *htmlBar) svg(label string, path func(func(pathPart) bool)) string {
	outline, critical := b.outline(path)
	if critical > 0 {
		label += fmt.Sprintf(", %s of it on the critical path", duration(critical))
	}
	size := 512 + len(b.spans) + len(b.gaps) + len(outline)
	for _, m := range b.narrow {
		size += len(m.path) + len(m.data)
	}
	var svg strings.Builder
	svg.Grow(size)
	write := func(parts ...string) {
		for _, part := range parts {
			svg.WriteString(part)
		}
	}
	write(`<svg viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="`, label, `"><path class="line" d="`)
	svg.Write(b.spans)
	write(`"/>`)
	svg.Write(b.gaps)
	writeNarrow := func(m *narrowGaps, class string) {
		if len(m.path) > 0 {
			write(`<path class="`, class, `" d="`)
			svg.Write(m.path)
			write(`" data-gaps="`)
			svg.Write(m.data)
			write(`"/>`)
		}
	}
	for class := range b.narrow {
		writeNarrow(&b.narrow[class], gap.Class(class).String())
	}
	if b.causes != nil {
		for c := range b.causes {
			writeNarrow(&b.causes[c], "c-"+causeKey(gap.Cause(c)))
		}
	}
	if len(outline) > 0 {
		write(`<path class="critical" d="`)
		svg.Write(outline)
		write(`"/>`)
	}
	write(`</svg>`)
	return svg.String()
}

func (b *htmlBar) span(n gap.Node) {
	const least = 1.5 // visible, even if the span is shorter
	x := b.x(n.Start())
	width := max(b.x(n.End())-x, least)
	b.spans = appendBox(b.spans, min(x, axisUnits-width), width, [2]int64{4, 2})
}

func (b *htmlBar) gap(n gap.Node, g gap.Gap) {
	if g.Class == gap.ClassSelf {
		b.selfs++
	}
	const least = 2 // wide enough to point at
	from, to := g.Start.Sub(b.start), g.End.Sub(b.start)
	x, height := b.coordinate(from), heights[g.Class]
	width := b.coordinate(to) - x
	if width < least {
		m := &b.narrow[g.Class]
		if b.known(g) {
			m = b.narrowOf(g)
		}
		if len(m.data) > 0 {
			m.data = append(m.data, ';')
		}
		m.path, m.data = appendBox(m.path, x, width, height), appendGap(m.data, n, g, from, to)
		return
	}
	b.gaps = append(append(b.gaps, `<rect class="`...), g.Class.String()...)
	if b.known(g) {
		b.gaps = append(b.gaps, " known"...)
	}
	b.gaps = appendCoordinate(append(b.gaps, `" x="`...), x)
	b.gaps = strconv.AppendInt(append(b.gaps, `" y="`...), height[0], 10)
	b.gaps = appendCoordinate(append(b.gaps, `" width="`...), width)
	b.gaps = strconv.AppendInt(append(b.gaps, `" height="`...), height[1], 10)
	b.gaps = appendGap(append(b.gaps, `" data-gaps="`...), n, g, from, to)
	if g.Class == gap.ClassRemote { // most of these cover a whole span, whose row has the times
		b.gaps = append(b.gaps, `"/>`...)
		return
	}
	b.gaps = fmt.Appendf(b.gaps, `"><title>%s: %s, from %s`, g.Class, duration(g.Time), duration(from))
	if explained(g) {
		b.explained(g, x, width)
		return
	}
	b.gaps = append(b.gaps, `</title></rect>`...)
}

// outline outlines the parts of the row that are on the critical path, and adds up their time.
// Parts that are too close to be drawn apart share an outline, since a row may have a hundred
// thousand.
func (b *htmlBar) outline(path func(func(pathPart) bool)) (svg []byte, critical time.Duration) {
	const least = 1 // the distance of two outlines
	var from, to float64
	var height [2]int64 // of the open outline; zero if none is open
	flush := func() {
		if height != [2]int64{} {
			svg = appendBox(svg, from, to-from, height)
		}
	}
	for part := range path {
		critical += part.end - part.start
		start, end := b.coordinate(part.start), b.coordinate(part.end)
		if height == heights[part.class] && start >= from && start-to < least {
			to = max(to, end)
			continue
		}
		flush()
		from, to, height = start, end, heights[part.class]
	}
	flush()
	return svg, critical
}

func appendGap(to []byte, n gap.Node, g gap.Gap, start, end time.Duration) []byte {
	to = append(append(to, g.Class.String()...), ' ')
	to = append(appendID(to, n.Span().SpanID), ' ')
	return strconv.AppendInt(append(strconv.AppendInt(to, int64(start), 10), ' '), int64(end), 10)
}

// appendBox appends a rectangle to an SVG path.
func appendBox(path []byte, x, width float64, height [2]int64) []byte {
	path = append(appendCoordinate(append(path, 'M'), x), ' ')
	path = appendCoordinate(append(strconv.AppendInt(path, height[0], 10), 'h'), width)
	path = strconv.AppendInt(append(path, 'v'), height[1], 10)
	return append(appendCoordinate(append(path, "h-"...), width), 'z')
}

// x returns the coordinate of a time.
func (b *htmlBar) x(at time.Time) float64 { return b.coordinate(at.Sub(b.start)) }

// coordinate returns the coordinate of a time that counts from the start of the trace.
func (b *htmlBar) coordinate(at time.Duration) float64 {
	return float64(at) / float64(b.length) * axisUnits
}

// appendCoordinate formats a coordinate, more exactly than any screen.
func appendCoordinate(to []byte, x float64) []byte {
	return strconv.AppendFloat(to, math.Round(x*1000)/1000, 'f', -1, 64)
}
