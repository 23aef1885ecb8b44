package report

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// path is where the critical path is, by row of a waterfall. One path serves all traces of a
// report: each trace overwrites what was found for the one before.
type path struct {
	rowOf  []int32 // by index of a span: its row, or noRow
	rows   []pathRow
	parts  []pathPart
	shown  []shownSpan
	nested []shownSpan
}

const noRow = -1

// pathRow is what is known about a row.
type pathRow struct {
	parent      int32 // the row above, or noRow
	next        int32 // the first row that is not below this one
	first, last int32 // its parts, as indexes into path.parts; noPart if there are none
	since       time.Duration
}

// pathPart is an interval in which the critical path is in a row. Times count from the start of the
// trace.
type pathPart struct {
	start, end time.Duration
	class      gap.Class
	next       int32 // the next part of the row, or noPart
}

const noPart = -1

// shownSpan is a span that has a row.
type shownSpan struct{ index, end, row int32 }

// of returns the parts of a row, ordered by time within each root.
func (p *path) of(row int) iter.Seq[pathPart] {
	return func(yield func(pathPart) bool) {
		for i := p.rows[row].first; i != noPart; i = p.parts[i].next {
			if !yield(p.parts[i]) {
				return
			}
		}
	}
}

// in finds when the path is in the spans of each row, but not below them. Each part lies in a gap
// of such a span.
func (p *path) in(t *gap.Trace, rows []row) {
	p.reset(t, rows)
	start := t.Start()
	for s := range t.CriticalPath() {
		if row := p.rowOf[s.Node.Index()]; row != noRow {
			p.add(row, pathPart{start: s.Start.Sub(start), end: s.End.Sub(start), class: s.Class})
		}
	}
}

// below finds when the path is in the spans of each row or in spans below them. It follows the path
// from row to row: a part ends when the path leaves the last span below the row.
func (p *path) below(t *gap.Trace, rows []row) {
	p.reset(t, rows)
	p.nest(rows)
	p.cover()
	start := t.Start()
	at, on := time.Duration(0), int32(noRow) // the path is in this row at this time
	leave := func() {
		p.add(on, pathPart{start: p.rows[on].since, end: at})
		on = p.rows[on].parent
	}
	for s := range t.CriticalPath() {
		row, from := p.rowOf[s.Node.Index()], s.Start.Sub(start)
		for on != noRow && (from != at || row < on || row >= p.rows[on].next) {
			leave()
		}
		for r := row; r != on; r = p.rows[r].parent {
			p.rows[r].since = from
		}
		at, on = s.End.Sub(start), row
	}
	for on != noRow {
		leave()
	}
}

func (p *path) add(row int32, part pathPart) {
	r, i := &p.rows[row], int32(len(p.parts))
	if part.next = noPart; r.first == noPart {
		r.first = i
	} else {
		p.parts[r.last].next = i
	}
	r.last = i
	p.parts = append(p.parts, part)
}

// reset forgets the trace before, and finds the row of each span that is shown.
func (p *path) reset(t *gap.Trace, rows []row) {
	p.parts, p.shown = p.parts[:0], p.shown[:0]
	p.rows = slices.Grow(p.rows[:0], len(rows))[:len(rows)]
	p.rowOf = slices.Grow(p.rowOf[:0], t.Len())[:t.Len()]
	for i := range p.rowOf {
		p.rowOf[i] = noRow
	}
	for i, r := range rows {
		p.rows[i] = pathRow{first: noPart, last: noPart}
		for _, n := range r.nodes {
			index := int32(n.Index())
			p.rowOf[index] = int32(i)
			p.shown = append(p.shown, shownSpan{index, index + 1 + int32(n.Descendants()), int32(i)})
		}
	}
}

// nest finds the parent of each row.
func (p *path) nest(rows []row) {
	above := []int32{noRow}
	for i := range rows {
		for _, r := range above[rows[i].depth+1:] {
			p.rows[r].next = int32(i)
		}
		above = above[:rows[i].depth+1]
		p.rows[i].parent = above[rows[i].depth]
		above = append(above, int32(i))
	}
	for _, r := range above[1:] {
		p.rows[r].next = int32(len(rows))
	}
}

// cover gives the spans that are not shown the row of their nearest ancestor that is.
func (p *path) cover() {
	if len(p.shown) == len(p.rowOf) {
		return
	}
	slices.SortFunc(p.shown, func(a, b shownSpan) int { return cmp.Compare(a.index, b.index) })
	open, at := p.nested[:0], int32(0)
	fill := func(to int32) {
		for at < to && len(open) > 0 {
			last := open[len(open)-1]
			for ; at < min(to, last.end); at++ {
				p.rowOf[at] = last.row
			}
			if at >= last.end {
				open = open[:len(open)-1]
			}
		}
		at = to
	}
	for _, s := range p.shown {
		fill(s.index)
		open = append(open, s)
	}
	fill(int32(len(p.rowOf)))
	p.nested = open[:0]
}
