package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// column is a column of numbers. If the table is too wide, the columns of the highest rank are
// dropped first. Those of rank 0 are never dropped.
type column struct {
	heading string
	width   int
	rank    int
}

// tableRow is a row of a table. Its columns are the numbers, the name and the trace.
type tableRow struct {
	numbers      []string // by column
	name, detail string   // what the numbers are of; the detail follows, on its own line if it does not fit
	verdict      string   // for a line below the row, or ""
	trace        string   // the id of the trace to look at
	incomplete   bool     // the trace lacks spans, which must be said even if its id does not fit
}

// tableLayout says which columns of a table fit into the terminal, and how wide they are.
type tableLayout struct {
	dropped       int // the columns of numbers of this rank and above are left out
	names, traces int // widths; traces is 0 if that column is left out
}

// layout returns the layout for names and traces that would need these widths.
func (t *text) layout(columns []column, names, traces int) tableLayout {
	left := t.maxWidth() - 2
	for _, c := range columns {
		left -= 1 + c.width
	}
	const least = 24 // columns are dropped until the names have this width, if they need it
	l := tableLayout{dropped: math.MaxInt, traces: traces}
	for rank := 3; rank > 0 && left < min(names, least); rank-- {
		for _, c := range columns {
			if c.rank == rank {
				left += 1 + c.width
			}
		}
		l.dropped = rank
	}
	if left-min(names, least) < traces+2 {
		l.traces = 0
	} else {
		left -= traces + 2
	}
	l.names = min(names, max(left, 16))
	return l
}

// table writes rows below a title and a row of headings. It drops columns that do not fit into the
// terminal. name and trace are headings.
func (t *text) table(title string, columns []column, name, trace string, rows []tableRow) {
	t.section()
	fmt.Fprintf(t, "%s\n", t.styled(bold, ansi.Truncate(title, t.maxWidth(), t.glyphs().ellipsis)))
	head := tableRow{name: name, trace: trace}
	for _, c := range columns {
		head.numbers = append(head.numbers, c.heading)
	}
	names, whole, traces := ansi.StringWidth(name), ansi.StringWidth(name), ansi.StringWidth(trace)
	for _, r := range rows {
		names, traces = max(names, ansi.StringWidth(r.name)), max(traces, len(r.trace))
		whole = max(whole, ansi.StringWidth(r.name+r.detail))
	}
	layout := t.layout(columns, whole, traces)
	oneLine := layout == tableLayout{math.MaxInt, whole, traces}
	if !oneLine {
		layout = t.layout(columns, names, traces)
	}
	for i, r := range append([]tableRow{head}, rows...) {
		var b strings.Builder
		for j, number := range r.numbers {
			if columns[j].rank < layout.dropped {
				fmt.Fprintf(&b, " %*s", columns[j].width, number)
			}
		}
		b.WriteString("  ")
		indent := ansi.StringWidth(b.String())
		if oneLine {
			r.name += r.detail
		}
		label := ansi.Truncate(r.name, layout.names, t.glyphs().ellipsis)
		b.WriteString(label)
		if layout.traces > 0 && r.trace != "" {
			b.WriteString(strings.Repeat(" ", layout.names-ansi.StringWidth(label)+2) + r.trace)
		}
		line := b.String()
		if i == 0 {
			line = t.styled(faint, line)
		}
		t.WriteString(line + "\n")
		detail := strings.TrimPrefix(r.detail, ", ")
		if r.incomplete && layout.traces == 0 {
			detail = strings.TrimSpace(lacksSpans + " " + detail)
		}
		if !oneLine && detail != "" {
			detail = ansi.Truncate(detail, t.maxWidth()-indent, t.glyphs().ellipsis)
			t.WriteString(strings.Repeat(" ", indent) + detail + "\n")
		}
		t.verdict(indent, r.verdict)
	}
}
