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

// tableRow is a row: numbers, what they belong to, and the id of the trace to look at.
type tableRow struct {
	numbers     []string
	name, trace string
}

// table writes rows below a heading. It drops columns to make them fit into the terminal.
func (t *text) table(title string, columns []column, name, trace string, rows []tableRow) {
	t.section()
	fmt.Fprintf(t, "%s\n", t.styled(bold, ansi.Truncate(title, t.maxWidth(), t.glyphs().ellipsis)))
	head := tableRow{name: name, trace: trace}
	left := t.maxWidth() - 2
	names, traces := ansi.StringWidth(name), ansi.StringWidth(trace)
	for _, c := range columns {
		head.numbers = append(head.numbers, c.heading)
		left -= 1 + c.width
	}
	for _, l := range rows {
		names, traces = max(names, ansi.StringWidth(l.name)), max(traces, len(l.trace))
	}
	const least = 24 // the width of names that matters more than other columns
	dropped := math.MaxInt
	for rank := 3; rank > 0 && left < min(names, least); rank-- {
		for _, c := range columns {
			if c.rank == rank {
				left += 1 + c.width
			}
		}
		dropped = rank
	}
	if left-min(names, least) < traces+2 {
		traces = 0
	} else {
		left -= traces + 2
	}
	names = min(names, max(left, 16))
	for i, l := range append([]tableRow{head}, rows...) {
		var b strings.Builder
		for j, number := range l.numbers {
			if columns[j].rank < dropped {
				fmt.Fprintf(&b, " %*s", columns[j].width, number)
			}
		}
		label := ansi.Truncate(l.name, names, t.glyphs().ellipsis)
		b.WriteString("  " + label)
		if traces > 0 {
			b.WriteString(strings.Repeat(" ", names-ansi.StringWidth(label)+2) + l.trace)
		}
		if i == 0 {
			t.WriteString(t.styled(faint, b.String()) + "\n")
		} else {
			t.WriteString(b.String() + "\n")
		}
	}
}
