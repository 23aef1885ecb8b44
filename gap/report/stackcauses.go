package report

import (
	"cmp"
	"math"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// causeLabel returns the name of a cause, for a frame.
func causeLabel(n frameName) string { return causeKey(n.cause()) }

// codeLabel returns the line of the program that a cause is at, "shop.render page.go:31", or "" if
// it is unknown.
func codeLabel(n frameName) string {
	f := n.code()
	if f == (gap.Frame{}) {
		return ""
	}
	function := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
	return printable.Name(strings.TrimSpace(function + " " + f.String()))
}

// functionLabel returns the function that a cause is at, or the cause in parentheses.
func functionLabel(n frameName) string {
	return cmp.Or(printable.Name(n.operation), codeLabel(n), "("+causeKey(n.cause())+")")
}

// countParts counts the parts of an explained gap at frames of their own, and takes their times
// from v, the values of the gap.
func (s *Stacks) countParts(at int32, g gap.Gap, v *values) {
	s.explained = true
	whole := float64(v[selfTimes])
	critical, path := v[criticalTimes], v[pathTimes]
	for i := range g.Explanation.Parts {
		p := &g.Explanation.Parts[i]
		length := min(int64(p.Duration), v[selfTimes]) // so that no time counts twice
		if length <= 0 {
			continue
		}
		part := values{selfTimes: length}
		share := func(of int64, left *int64) int64 {
			n := min(int64(math.Round(float64(of)*float64(length)/whole)), *left)
			*left -= n
			return n
		}
		v[selfTimes] -= length
		part[criticalTimes] = share(critical, &v[criticalTimes])
		part[pathTimes] = share(path, &v[pathTimes])
		if v[selfTimes] == 0 { // the rest is what rounding left
			part[criticalTimes] += v[criticalTimes]
			part[pathTimes] += v[pathTimes]
			v[criticalTimes], v[pathTimes] = 0, 0
		}
		s.countPart(at, p, part)
	}
}

func (s *Stacks) countPart(at int32, p *gap.Part, v values) {
	i := s.below(at, s.name(frameName{
		service: p.Frame.File, operation: p.Frame.Function, line: int32(max(0, min(p.Frame.Line, math.MaxInt32))),
		because: uint8(known(p.Cause)) + 1,
	}))
	s.addCurrent(i, v)
}
