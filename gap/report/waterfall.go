package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// glyphs are the characters of a waterfall.
type glyphs struct {
	bars, thin            [marks]string // thin is for what is not on the critical path
	branch, last, through string
	ellipsis, tick        string
	failed                string
	earlier, later        string // before a span that was moved
}

// mark is what a cell of a bar shows.
type mark uint8

const (
	noMark mark = iota
	spanMark
	selfMark
	wireMark
	marks // their number
)

var (
	unicodeGlyphs = glyphs{
		bars: [marks]string{" ", "█", "░", "▒"}, thin: [marks]string{" ", "━", "┄", "┅"},
		branch: "├ ", last: "└ ", through: "│ ", ellipsis: "…", tick: "╷", failed: "✗ ",
		earlier: "← ", later: "→ ",
	}
	asciiGlyphs = glyphs{
		bars: [marks]string{" ", "#", ".", "~"}, thin: [marks]string{" ", "=", ",", "-"},
		branch: "+ ", last: `\ `, through: "| ", ellipsis: "...", tick: "|", failed: "! ",
		earlier: "< ", later: "> ",
	}

	selfStyle   = ansi.Style{}.Bold().ForegroundColor(ansi.Magenta)
	failedStyle = ansi.Style{}.Bold().ForegroundColor(ansi.Red)
	palette     = []ansi.Style{ // by service, in the order in which they appear
		ansi.Style{}.ForegroundColor(ansi.Cyan),
		ansi.Style{}.ForegroundColor(ansi.Blue),
		ansi.Style{}.ForegroundColor(ansi.Green),
	}
	gapStyles = [marks]ansi.Style{selfMark: selfStyle, wireMark: faint}
)

func (t *text) glyphs() glyphs {
	if t.options.ASCII {
		return asciiGlyphs
	}
	return unicodeGlyphs
}

const numberWidth = 11 // as in " 12345.6 ms"

// picture is a waterfall that is being written.
type picture struct {
	*text
	glyphs       glyphs
	start        time.Time
	length       time.Duration
	unit         time.Duration
	unitName     string
	labels, bars int // widths in columns
	services     map[string]int
	cells        []cell // of a bar
}

func (t *text) waterfall(trace *gap.Trace) {
	p := &picture{
		text: t, glyphs: t.glyphs(), start: trace.Start(), length: max(trace.Duration(), 1), services: map[string]int{},
	}
	p.unit, p.unitName = unitOf(p.length)
	if t.options.ASCII && p.unit == time.Microsecond {
		p.unitName = "us"
	}
	most := t.options.Rows
	if most == 0 {
		most = 100
	}
	all := rows(trace, most, 0)
	labels := make([]string, len(all))
	for i, r := range all {
		labels[i] = p.label(r)
		if len(r.nodes) > 0 {
			p.labels = max(p.labels, ansi.StringWidth(labels[i]))
		}
	}
	p.labels = min(p.labels, t.width()*2/5)
	p.bars = t.width() - p.labels - 2 - 2*numberWidth
	p.cells = make([]cell, p.bars)
	p.axis()
	t.path.below(trace, all)
	for i, r := range all {
		p.line(i, r, labels[i])
		if len(t.options.Tags) > 0 {
			var next *row
			if i+1 < len(all) {
				next = &all[i+1]
			}
			p.tags(r, next)
		}
	}
}

// label returns the text before a row's bar: its place in the tree, and its name.
func (p *picture) label(r row) string {
	var b strings.Builder
	p.rails(&b, r)
	switch {
	case r.depth == 0:
	case r.last:
		b.WriteString(p.glyphs.last)
	default:
		b.WriteString(p.glyphs.branch)
	}
	if r.depth > maxRails {
		fmt.Fprintf(&b, "(%d) ", r.depth)
	}
	if len(r.nodes) == 0 {
		fmt.Fprintf(&b, "%s %d more %s", p.glyphs.ellipsis, r.leftOut, printable.Plural(r.leftOut, "span"))
		return b.String()
	}
	if r.failed() {
		p.failed = true
		b.WriteString(p.styled(failedStyle, p.glyphs.failed))
	}
	if moved := r.nodes[0].Moved(); moved != 0 {
		p.moved = true
		if moved < 0 {
			b.WriteString(p.glyphs.earlier)
		} else {
			b.WriteString(p.glyphs.later)
		}
	}
	b.WriteString(p.text.label(r.service, r.nodes[0].Span().Operation))
	if later := len(r.nodes) - 1; later > 0 {
		fmt.Fprintf(&b, " +%d", later)
	}
	switch {
	case r.nodes[0].Outlives():
		b.WriteString(" (outlives)")
	case r.nodes[0].Detached():
		b.WriteString(" (detached)")
	}
	return b.String()
}

// A level takes two columns. Rows deeper than maxRails show their depth as a number, which leaves
// space for the name.
const maxRails = 10

// rails writes the lines that lead past a row.
func (p *picture) rails(b *strings.Builder, r row) {
	for depth := 1; depth < min(r.depth, maxRails); depth++ {
		if r.rails&(1<<depth) != 0 {
			b.WriteString(p.glyphs.through)
		} else {
			b.WriteString("  ")
		}
	}
}

// tags writes the lines below a row that show tags.
func (p *picture) tags(r row, next *row) {
	for key, value := range shownTags(r, p.options.Tags) {
		var b strings.Builder
		p.rails(&b, r)
		if r.depth > 0 {
			b.WriteString(p.rail(!r.last))
		}
		b.WriteString(p.rail(next != nil && next.depth > r.depth))
		b.WriteString("  " + p.text.ellipsis(key+": "+value))
		line := ansi.Truncate(b.String(), p.width(), p.glyphs.ellipsis)
		p.WriteString(p.styled(faint, line) + "\n")
	}
}

func (p *picture) rail(drawn bool) string {
	if drawn {
		return p.glyphs.through
	}
	return "  "
}

// axis writes the time axis, with labels at round distances.
func (p *picture) axis() {
	const space = 10 // columns for a label
	step := roundStep(func(step time.Duration) bool { return p.column(step) >= space })
	line := []rune(strings.Repeat(" ", p.bars))
	for at := time.Duration(0); at < p.length; at += step {
		label := p.glyphs.tick + strconv.FormatFloat(p.amount(at), 'f', -1, 64) + " " + p.unitName
		if column := int(p.column(at)); column+len([]rune(label)) <= len(line) {
			copy(line[column:], []rune(label))
		}
		if at > math.MaxInt64-step {
			break
		}
	}
	fmt.Fprintf(p, "%*s  %s%*s%*s\n", p.labels, "", p.styled(faint, string(line)), numberWidth, "time", numberWidth,
		"self")
}

func (p *picture) amount(d time.Duration) float64 { return float64(d) / float64(p.unit) }

// duration formats a duration in the unit of the picture, so that durations are easy to compare. A
// very short one has a smaller unit.
func (p *picture) duration(d time.Duration) string {
	text := strconv.FormatFloat(p.amount(d), 'f', 1, 64) + " " + p.unitName
	if p.amount(d) < 0.05 {
		text = p.text.duration(d)
	}
	return strings.Repeat(" ", max(0, numberWidth-utf8.RuneCountInString(text))) + text
}

// column returns the column of a time.
func (p *picture) column(at time.Duration) float64 {
	return float64(at) / float64(p.length) * float64(p.bars)
}

func (p *picture) line(i int, r row, label string) {
	if len(r.nodes) == 0 {
		p.WriteString(ansi.Truncate(label, p.width(), p.glyphs.ellipsis) + "\n")
		return
	}
	label = ansi.Truncate(label, p.labels, p.glyphs.ellipsis)
	p.WriteString(label + strings.Repeat(" ", p.labels-ansi.StringWidth(label)+2))

	clear(p.cells)
	var total, self time.Duration
	for _, n := range r.nodes {
		p.paint(n.Start(), n.End(), cell{mark: spanMark, colour: p.colour(n)}, true)
		total += n.Duration()
		self += n.SelfTime()
		for g := range n.Gaps(0) {
			if m := gapMarks[g.Class]; m != noMark && !g.Joined() { // when joined time was is unknown
				p.paint(g.Start, g.End, cell{mark: m}, false)
			}
		}
	}
	p.thicken(i)
	for run := range runs(p.cells) {
		c := run[0]
		glyph, style := p.glyphs.thin[c.mark], gapStyles[c.mark]
		if c.critical {
			glyph = p.glyphs.bars[c.mark]
		}
		if c.mark == spanMark {
			style = palette[c.colour]
		}
		bar := strings.Repeat(glyph, len(run))
		if c.mark != noMark {
			bar = p.styled(style, bar)
		}
		p.WriteString(bar)
	}
	p.WriteString(p.duration(total))
	if self > 0 {
		p.WriteString(p.styled(selfStyle, p.duration(self)))
	}
	p.WriteByte('\n')
}

// colour returns the index in palette for a span's service.
func (p *picture) colour(n gap.Node) uint8 {
	service := n.Service()
	i, known := p.services[service]
	if !known {
		i = len(p.services)
		p.services[service] = i
	}
	return uint8(i % len(palette))
}

// cell is a cell of a bar.
type cell struct {
	mark     mark
	colour   uint8 // of a spanMark: an index into palette
	critical bool  // the critical path is in the row's spans or below them
}

var gapMarks = [...]mark{gap.ClassSelf: selfMark, gap.ClassWire: wireMark, gap.ClassRemote: noMark}

// paint fills the cells of the interval from start to end.
func (p *picture) paint(start, end time.Time, c cell, always bool) {
	first, last := p.interval(start.Sub(p.start), end.Sub(p.start), always)
	for i := first; i < last; i++ {
		p.cells[i] = c
	}
}

// interval returns the cells that an interval covers at least by half. If it covers none so far, it
// returns the cell in its middle, but only if always is set or the interval is a quarter of a cell
// long.
func (p *picture) interval(start, end time.Duration, always bool) (first, last int) {
	from, to := p.column(start), p.column(end)
	first, last = int(math.Round(from)), int(math.Round(to))
	if first >= last {
		if !always && to-from < 0.25 {
			return 0, 0
		}
		first = min(int((from+to)/2), p.bars-1)
		last = first + 1
	}
	return first, last
}

// thicken marks the cells of a row in which the critical path is in its spans or below them. The
// others are thin:
//
//	root  ██████████████
//	  a   ━━━━━━          the path is in b meanwhile
//	  b   ████████
func (p *picture) thicken(row int) {
	for part := range p.path.of(row) {
		first, last := p.interval(part.start, part.end, true)
		if last-first == 1 && p.cells[first].mark == noMark { // the bar was rounded to the cell before or after
			first, last = max(first-1, 0), min(last+1, len(p.cells))
		}
		for i := first; i < last; i++ {
			p.cells[i].critical = p.cells[i].mark != noMark
		}
	}
}

// runs yields runs of equal cells.
func runs(cells []cell) func(yield func([]cell) bool) {
	return func(yield func([]cell) bool) {
		for len(cells) > 0 {
			n := 1
			for n < len(cells) && cells[n] == cells[0] {
				n++
			}
			if !yield(cells[:n]) {
				return
			}
			cells = cells[n:]
		}
	}
}

func (t *text) legend() {
	g := t.glyphs()
	entries := []string{
		g.bars[spanMark] + " blocked, or covered by the spans below",
		t.styled(selfStyle, g.bars[selfMark]) + " gap: self time",
		t.styled(faint, g.bars[wireMark]) + " gap: on the wire",
		g.thin[spanMark] + " " + t.styled(selfStyle, g.thin[selfMark]) + " " + t.styled(faint, g.thin[wireMark]) +
			" the same, not on the critical path",
	}
	if t.failed {
		entries = append(entries, t.styled(failedStyle, strings.TrimSpace(g.failed))+" failed")
	}
	if t.moved {
		entries = append(entries, g.earlier+g.later+"moved, since its clock is wrong")
	}
	line := entries[0]
	for _, e := range entries[1:] {
		const space = "   "
		if ansi.StringWidth(line+space+e) > t.width() {
			t.WriteString(line + "\n")
			line = e
		} else {
			line += space + e
		}
	}
	t.WriteString(line + "\n")
}
