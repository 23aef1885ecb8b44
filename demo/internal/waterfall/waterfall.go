// Package waterfall draws a trace as text: a tree of its spans, each with a bar on one time axis. A span's
// gaps, the time that none of the spans below it covers, are marked on its bar where they lie.
package waterfall

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
)

// Options say how to draw. The zero value draws 100 columns in Unicode.
type Options struct {
	Width int  // columns; at least 60 are taken
	ASCII bool // for a terminal that knows nothing else
}

// Draw writes t with colours as escape sequences; a writer that wants none strips them
// (package colorprofile has one). The later waits of a call are drawn on the call's line.
func Draw(w io.Writer, t *gap.Trace, o Options) error {
	p := &picture{glyphs: unicode, start: t.Start(), length: max(t.End().Sub(t.Start()), 1), services: map[string]int{}}
	if o.ASCII {
		p.glyphs = ascii
	}
	var rows []row
	for root := range t.Roots() {
		rows = p.tree(rows, root, "", "", "")
	}
	width := max(60, cmp.Or(o.Width, 100))
	for _, r := range rows {
		p.labels = max(p.labels, ansi.StringWidth(r.label))
	}
	p.labels = min(p.labels, width*2/5)
	p.bars = width - p.labels - 2 - 2*numberWidth

	var out strings.Builder
	p.axis(&out)
	for _, r := range rows {
		p.line(&out, r)
	}
	p.legend(&out, width)
	_, err := io.WriteString(w, out.String())
	return err
}

// glyphs are the signs of a picture; a class of gap has its own.
type glyphs struct {
	span                  string
	gaps                  map[gap.Class]string
	branch, last, through string
	ellipsis, tick        string
}

var (
	unicode = glyphs{
		span: "█", gaps: map[gap.Class]string{gap.Own: "░", gap.Wire: "▒"},
		branch: "├ ", last: "└ ", through: "│ ", ellipsis: "…", tick: "╷",
	}
	ascii = glyphs{
		span: "#", gaps: map[gap.Class]string{gap.Own: ".", gap.Wire: "~"},
		branch: "+ ", last: `\ `, through: "| ", ellipsis: "...", tick: "|",
	}

	faint    = lipgloss.NewStyle().Faint(true)
	gapStyle = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Magenta)
	wire     = lipgloss.NewStyle().Faint(true)
	palette  = []lipgloss.Style{ // one colour per service, in the order in which they appear
		lipgloss.NewStyle().Foreground(lipgloss.Cyan),
		lipgloss.NewStyle().Foreground(lipgloss.Blue),
		lipgloss.NewStyle().Foreground(lipgloss.Green),
	}
)

const numberWidth = 11 // " 12345.6 ms"

type picture struct {
	glyphs       glyphs
	start        time.Time
	length       time.Duration
	labels, bars int // the columns of each
	services     map[string]int
}

// row is a call: its span, and the spans of its later waits.
type row struct {
	label string
	nodes []gap.Node
}

// tree appends the rows of n and all below it. first is drawn before its own label, rest before those of its children.
func (p *picture) tree(rows []row, n gap.Node, parent, first, rest string) []row {
	service := serviceOf(n)
	if _, known := p.services[service]; !known {
		p.services[service] = len(p.services)
	}
	label := n.Span().Operation
	if service != parent {
		label = service + ": " + label
	}
	rows = append(rows, row{label: first + label, nodes: []gap.Node{n}})

	calls := [][]gap.Node{}
	for child := range n.Children() {
		if i := slices.IndexFunc(calls, func(call []gap.Node) bool { return waits(child.Span(), call[0].Span()) }); i >= 0 {
			calls[i] = append(calls[i], child)
		} else {
			calls = append(calls, []gap.Node{child})
		}
	}
	for i, call := range calls {
		first, below := p.glyphs.branch, p.glyphs.through
		if i == len(calls)-1 {
			first, below = p.glyphs.last, "  "
		}
		at := len(rows)
		rows = p.tree(rows, call[0], service, rest+first, rest+below)
		if later := call[1:]; len(later) > 0 {
			rows[at].nodes = append(rows[at].nodes, later...)
			rows[at].label += fmt.Sprintf(" +%d", len(later))
		}
	}
	return rows
}

// waits says whether span is a later wait of call, by the names and references that wrappers give them.
func waits(span, call *gap.Span) bool {
	return span.Operation == call.Operation+" wait" &&
		slices.Contains(span.References, gap.Reference{Type: gap.FollowsFrom, TraceID: call.TraceID, SpanID: call.SpanID})
}

func serviceOf(n gap.Node) string {
	if process := n.Span().Process; process != nil {
		return process.Service
	}
	return ""
}

// axis writes the line of times, labelled at the least round distance that leaves room for the labels.
func (p *picture) axis(out *strings.Builder) {
	const room = 10 // columns
	step := time.Nanosecond
	for i := 0; p.column(step) < room; i++ {
		step = step * [...]time.Duration{4, 5, 4}[i%3] / 2 // 1, 2, 5, 10
	}
	line := []rune(strings.Repeat(" ", p.bars))
	for at := time.Duration(0); at < p.length; at += step {
		label := p.glyphs.tick + strconv.FormatFloat(milliseconds(at), 'f', -1, 64) + " ms"
		if column := int(p.column(at)); column+len([]rune(label)) <= len(line) {
			copy(line[column:], []rune(label))
		}
	}
	fmt.Fprintf(out, "%*s  %s%*s%*s\n", p.labels, "", faint.Render(string(line)), numberWidth, "time", numberWidth, "own")
}

// column says how far from the left a time is drawn.
func (p *picture) column(at time.Duration) float64 {
	return float64(at) / float64(p.length) * float64(p.bars)
}

func (p *picture) line(out *strings.Builder, r row) {
	label := ansi.Truncate(r.label, p.labels, p.glyphs.ellipsis)
	out.WriteString(label + strings.Repeat(" ", p.labels-ansi.StringWidth(label)+2))

	cells := make([]cell, p.bars)
	for i := range cells {
		cells[i].glyph = " "
	}
	var total, own time.Duration
	for _, n := range r.nodes {
		p.paint(cells, n.Start(), n.End(), cell{p.glyphs.span, palette[p.services[serviceOf(n)]%len(palette)]}, true)
		total += n.Duration()
		own += n.OwnTime()
		for g := range n.Gaps(0) {
			if glyph, drawn := p.glyphs.gaps[g.Class]; drawn && !g.Joined() { // nobody knows where joined work lies
				p.paint(cells, g.Start, g.End, cell{glyph, gapStyles[g.Class]}, false)
			}
		}
	}
	for run := range runs(cells) {
		out.WriteString(run[0].style.Render(strings.Repeat(run[0].glyph, len(run))))
	}
	fmt.Fprintf(out, "%*s", numberWidth, number(total))
	if own > 0 {
		out.WriteString(gapStyle.Render(fmt.Sprintf("%*s", numberWidth, number(own))))
	}
	out.WriteString("\n")
}

var gapStyles = map[gap.Class]lipgloss.Style{gap.Own: gapStyle, gap.Wire: wire}

type cell struct {
	glyph string
	style lipgloss.Style
}

// paint fills the cells of which the interval covers half or more. Where there is none, the one in its middle is
// filled if the interval must be seen, or covers a quarter of it.
func (p *picture) paint(cells []cell, start, end time.Time, c cell, always bool) {
	from, to := p.column(start.Sub(p.start)), p.column(end.Sub(p.start))
	first, last := int(math.Round(from)), int(math.Round(to))
	if first >= last {
		if !always && to-from < 0.25 {
			return
		}
		first = min(int((from+to)/2), len(cells)-1)
		last = first + 1
	}
	for i := first; i < last; i++ {
		cells[i] = c
	}
}

// runs cuts cells where the glyph changes: a row's glyphs differ wherever its styles do.
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

func (p *picture) legend(out *strings.Builder, width int) {
	entries := []string{
		p.glyphs.span + " blocked, or covered by the spans below",
		gapStyle.Render(p.glyphs.gaps[gap.Own]) + " gap: the program's own time",
		wire.Render(p.glyphs.gaps[gap.Wire]) + " gap: on the wire",
	}
	legend := strings.Join(entries, "   ")
	if ansi.StringWidth(legend) > width {
		legend = strings.Join(entries, "\n")
	}
	out.WriteString("\n" + legend + "\n")
}

func number(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", milliseconds(d))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
