package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
)

// listWriter writes JSON objects whose last members are lists. It writes each element at once, on a
// line of its own, so that a large trace takes little memory.
type listWriter struct {
	b     *bufio.Writer
	e     *json.Encoder
	comma bool // an element precedes the next one
	err   error

	inSpan bool // a span was written up to its first gaps
}

// open writes object without its closing brace, and opens list as its next member.
func (l *listWriter) open(object any, list string) {
	l.separate()
	text, err := json.Marshal(object)
	if err != nil {
		l.err = err
		return
	}
	l.b.Write(text[:len(text)-1])
	l.next(list)
}

// next opens another list of the object that is open.
func (l *listWriter) next(list string) {
	fmt.Fprintf(l.b, ",%q:[\n", list)
	l.comma = false
}

func (l *listWriter) separate() {
	if l.comma {
		l.b.WriteByte(',')
	}
	l.comma = true
}

func (l *listWriter) element(v any) {
	l.separate()
	if err := l.e.Encode(v); err != nil {
		l.err = err
	}
}

// These bound what is in memory of the gaps of a span, which may have a million.
const (
	maxGapsAtOnce  = 1000
	maxPartsAtOnce = 10_000 // of their explanations
)

// gapsMember is the last member of a span.
const gapsMember = `"gaps":[`

// flushGaps writes the gaps in s and removes them, since the span has more. The first call for a
// span also writes its other members.
func (l *listWriter) flushGaps(s *jsonSpan) {
	if !l.inSpan {
		l.separate()
	}
	text, err := json.Marshal(s)
	if err != nil {
		l.err = err
		return
	}
	if l.inSpan {
		text = append([]byte{','}, text[bytes.LastIndex(text, []byte(gapsMember))+len(gapsMember):]...)
	}
	l.b.Write(text[:len(text)-len("]}")])
	l.inSpan = true
	s.Gaps = s.Gaps[:0]
}

// span writes a span, or the last gaps of a span that flushGaps has begun.
func (l *listWriter) span(s *jsonSpan) {
	if !l.inSpan {
		l.element(s)
		return
	}
	l.flushGaps(s)
	l.b.WriteString("]}\n")
	l.inSpan = false
}
