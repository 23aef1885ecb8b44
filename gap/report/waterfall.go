package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// glyphs are the characters of a waterfall.
type glyphs struct {
	span                  string
	gaps                  map[gap.Class]string
	thin                  map[string]string // by glyph: what it is off the critical path
	branch, last, through string
	ellipsis, tick        string
}

var (
	unicodeGlyphs = glyphs{
		span: "█", gaps: map[gap.Class]string{gap.ClassSelf: "░", gap.ClassWire: "▒"},
		thin:   map[string]string{"█": "━", "░": "┄", "▒": "┅"},
		branch: "├ ", last: "└ ", through: "│ ", ellipsis: "…", tick: "╷",
	}
	asciiGlyphs = glyphs{
		span: "#", gaps: map[gap.Class]string{gap.ClassSelf: ".", gap.ClassWire: "~"},
		thin:   map[string]string{"#": "=", ".": ",", "~": "-"},
		branch: "+ ", last: `\ `, through: "| ", ellipsis: "...", tick: "|",
	}

	selfStyle = ansi.Style{}.Bold().ForegroundColor(ansi.Magenta)
	palette   = []ansi.Style{ // by service, in the order in which they appear
		ansi.Style{}.ForegroundColor(ansi.Cyan),
		ansi.Style{}.ForegroundColor(ansi.Blue),
		ansi.Style{}.ForegroundColor(ansi.Green),
	}
	gapStyles = map[gap.Class]ansi.Style{gap.ClassSelf: selfStyle, gap.ClassWire: faint}
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
	windows      []window // by index of the span
}

func (t *text) waterfall(trace *gap.Trace) {
	p := &picture{
		text: t, glyphs: t.glyphs(), start: trace.Start(), length: max(trace.Duration(), 1), services: map[string]int{},
		windows: windows(trace),
	}
	p.unit, p.unitName = unitOf(p.length)
	if t.options.ASCII && p.unit == time.Microsecond {
		p.unitName = "us"
	}
	most := t.options.Rows
	if most == 0 {
		most = 100
	}
	all := rows(trace, most)
	labels := make([]string, len(all))
	for i, r := range all {
		labels[i] = p.label(r)
		if len(r.nodes) > 0 {
			p.labels = max(p.labels, ansi.StringWidth(labels[i]))
		}
	}
	p.labels = min(p.labels, t.width()*2/5)
	p.bars = t.width() - p.labels - 2 - 2*numberWidth
	p.axis()
	for i, r := range all {
		p.line(r, labels[i])
	}
}

// label returns the text before a row's bar: its place in the tree, and its name.
func (p *picture) label(r row) string {
	var b strings.Builder
	// A level takes two columns. Deeper rows show their depth as a number, which leaves space for
	// the name.
	const most = 10
	for depth := 1; depth < min(r.depth, most); depth++ {
		if r.rails&(1<<depth) != 0 {
			b.WriteString(p.glyphs.through)
		} else {
			b.WriteString("  ")
		}
	}
	switch {
	case r.depth == 0:
	case r.last:
		b.WriteString(p.glyphs.last)
	default:
		b.WriteString(p.glyphs.branch)
	}
	if r.depth > most {
		fmt.Fprintf(&b, "(%d) ", r.depth)
	}
	if len(r.nodes) == 0 {
		fmt.Fprintf(&b, "%s %d more %s", p.glyphs.ellipsis, r.leftOut, printable.Plural(r.leftOut, "span"))
		return b.String()
	}
	b.WriteString(p.text.label(r.service, r.nodes[0].Span().Operation))
	if later := len(r.nodes) - 1; later > 0 {
		fmt.Fprintf(&b, " +%d", later)
	}
	return b.String()
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
	text := fmt.Sprintf("%.1f %s", p.amount(d), p.unitName)
	if d > 0 && p.amount(d) < 0.05 {
		text = p.text.duration(d)
	}
	return fmt.Sprintf("%*s", numberWidth, text)
}

// column returns the column of a time.
func (p *picture) column(at time.Duration) float64 {
	return float64(at) / float64(p.length) * float64(p.bars)
}

func (p *picture) line(r row, label string) {
	if len(r.nodes) == 0 {
		p.WriteString(ansi.Truncate(label, p.width(), p.glyphs.ellipsis) + "\n")
		return
	}
	label = ansi.Truncate(label, p.labels, p.glyphs.ellipsis)
	p.WriteString(label + strings.Repeat(" ", p.labels-ansi.StringWidth(label)+2))

	cells := make([]cell, p.bars)
	for i := range cells {
		cells[i].glyph = " "
	}
	var total, self time.Duration
	for _, n := range r.nodes {
		p.paint(cells, n.Start(), n.End(), cell{p.glyphs.span, p.style(n)}, true)
		total += n.Duration()
		self += n.SelfTime()
		for g := range n.Gaps(0) {
			if glyph, drawn := p.glyphs.gaps[g.Class]; drawn && !g.Joined() { // when joined time was is unknown
				p.paint(cells, g.Start, g.End, cell{glyph, gapStyles[g.Class]}, false)
			}
		}
	}
	p.thin(cells, r)
	for run := range runs(cells) {
		bar := strings.Repeat(run[0].glyph, len(run))
		if run[0].glyph != " " {
			bar = p.styled(run[0].style, bar)
		}
		p.WriteString(bar)
	}
	p.WriteString(p.duration(total))
	if self > 0 {
		p.WriteString(p.styled(selfStyle, p.duration(self)))
	}
	p.WriteByte('\n')
}

// style returns the colour of a span's service.
func (p *picture) style(n gap.Node) ansi.Style {
	service := n.Service()
	i, known := p.services[service]
	if !known {
		i = len(p.services)
		p.services[service] = i
	}
	return palette[i%len(palette)]
}

type cell struct {
	glyph string
	style ansi.Style
}

// paint fills the cells of the interval from start to end.
func (p *picture) paint(cells []cell, start, end time.Time, c cell, always bool) {
	first, last := p.cells(start.Sub(p.start), end.Sub(p.start), always)
	for i := first; i < last; i++ {
		cells[i] = c
	}
}

// cells returns the cells that an interval covers at least by half. If it covers none so far, cells
// returns the one in its middle, but only if always is set or the interval is a quarter of a cell
// long.
func (p *picture) cells(start, end time.Duration, always bool) (first, last int) {
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

// thin replaces the glyphs of a row in which the critical path is neither in the row's spans nor
// below them:
//
//	root  ██████████████
//	  a   ━━━━━━          the path is in b meanwhile
//	  b   ████████
func (p *picture) thin(cells []cell, r row) {
	on := make([]bool, len(cells))
	for _, n := range r.nodes {
		if w := p.windows[n.Index()]; !w.empty() {
			first, last := p.cells(w.start, w.end, true)
			for i := first; i < last; i++ {
				on[i] = true
			}
		}
	}
	for i := range cells {
		if thin, ok := p.glyphs.thin[cells[i].glyph]; ok && !on[i] {
			cells[i].glyph = thin
		}
	}
}

// runs yields runs of cells with the same glyph, and so with the same style.
func runs(cells []cell) func(yield func([]cell) bool) {
	return func(yield func([]cell) bool) {
		for len(cells) > 0 {
			n := slices.IndexFunc(cells, func(c cell) bool { return c.glyph != cells[0].glyph })
			if n < 0 {
				n = len(cells)
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
		g.span + " blocked, or covered by the spans below",
		t.styled(selfStyle, g.gaps[gap.ClassSelf]) + " gap: self time",
		t.styled(faint, g.gaps[gap.ClassWire]) + " gap: on the wire",
	}
	entries = append(entries, strings.Join([]string{
		g.thin[g.span], t.styled(selfStyle, g.thin[g.gaps[gap.ClassSelf]]),
		t.styled(faint, g.thin[g.gaps[gap.ClassWire]]), "the same, not on the critical path",
	}, " "))
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
