package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// schemaVersion is raised when a program that reads the JSON would have to change.
const schemaVersion = 2

type jsonHead struct {
	Version    int                     `json:"version"`
	Count      jsonCount               `json:"count"`
	Warnings   map[gap.WarningCode]int `json:"warnings"`
	Operations []jsonOperation         `json:"operations"`
	Gaps       []jsonWorst             `json:"gaps"`
}

type jsonCount struct {
	Traces int `json:"traces"`
	Spans  int `json:"spans"`
}

type jsonOperation struct {
	Service     string        `json:"service"`
	Operation   string        `json:"operation"`
	Count       int64         `json:"count"`
	Duration    time.Duration `json:"duration_ns"`
	Self        time.Duration `json:"self_ns"`
	Critical    time.Duration `json:"critical_ns"`
	Concurrency time.Duration `json:"concurrency_ns"`
	Share       float64       `json:"share"`
	Durations   jsonQuantiles `json:"durations"`
	SelfTimes   jsonQuantiles `json:"self_times"`
	Worst       jsonExample   `json:"worst"`
}

type jsonQuantiles struct {
	Min time.Duration `json:"min_ns"`
	P50 time.Duration `json:"p50_ns"`
	P95 time.Duration `json:"p95_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

func quantilesOf(h *gap.Histogram) jsonQuantiles {
	return jsonQuantiles{h.Quantile(0), h.Quantile(quantiles[0]), h.Quantile(quantiles[1]), h.Quantile(quantiles[2]), h.Quantile(1)}
}

type jsonExample struct {
	TraceID string        `json:"trace_id"`
	SpanID  string        `json:"span_id"`
	Self    time.Duration `json:"self_ns"`
}

type jsonWorst struct {
	TraceID    string        `json:"trace_id"`
	SpanID     string        `json:"span_id"`
	Service    string        `json:"service"`
	Operation  string        `json:"operation"`
	Start      time.Duration `json:"start_ns"`
	End        time.Duration `json:"end_ns"`
	Time       time.Duration `json:"time_ns"`
	Critical   time.Duration `json:"critical_ns"`
	Joined     bool          `json:"joined"`
	Incomplete bool          `json:"incomplete"`
}

type jsonTrace struct {
	TraceID  string        `json:"trace_id"`
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration_ns"`
	Self     time.Duration `json:"self_ns"`
	Critical time.Duration `json:"critical_ns"`
	Warnings []jsonWarning `json:"warnings"`
}

type jsonWarning struct {
	SpanID  string          `json:"span_id,omitempty"`
	Code    gap.WarningCode `json:"code"`
	Message string          `json:"message"`
}

type jsonSpan struct {
	SpanID      string        `json:"span_id"`
	Parent      *int          `json:"parent"`
	Service     string        `json:"service"`
	Operation   string        `json:"operation"`
	Kind        string        `json:"kind"`
	Start       time.Duration `json:"start_ns"`
	Duration    time.Duration `json:"duration_ns"`
	Self        time.Duration `json:"self_ns"`
	Critical    time.Duration `json:"critical_ns"`
	Concurrency time.Duration `json:"concurrency_ns"`
	Blocking    bool          `json:"blocking"`
	Outlives    bool          `json:"outlives,omitempty"`
	Detached    bool          `json:"detached,omitempty"`
	Incomplete  bool          `json:"incomplete,omitempty"`
	Gaps        []jsonGap     `json:"gaps"`
}

type jsonGap struct {
	Class    string        `json:"class"`
	Start    time.Duration `json:"start_ns"`
	End      time.Duration `json:"end_ns"`
	Time     time.Duration `json:"time_ns"`
	Critical time.Duration `json:"critical_ns"`
	Call     *int          `json:"call,omitempty"`
}

type jsonPiece struct {
	Span  int           `json:"span"`
	Class string        `json:"class"`
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
}

// JSON writes all of the report as one JSON object. Its schema is docs/report.schema.json, explained in docs/report.md: times are integer
// nanoseconds, those of a span, a gap and a piece of the critical path from the start of their trace. It has all operations; the gaps and
// traces that it has are those that the report keeps.
func (r *Report) JSON(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b) // it ends what it writes with a new line
	e.SetEscapeHTML(false)
	head := jsonHead{
		Version: schemaVersion, Count: jsonCount{r.traces, r.spans}, Warnings: r.warnings,
		Operations: []jsonOperation{}, Gaps: []jsonWorst{},
	}
	for o := range r.summary.Operations() {
		head.Operations = append(head.Operations, jsonOperation{
			o.Service, o.Name, o.Count, o.Duration, o.SelfTime, o.CriticalTime, o.Concurrency, o.Share,
			quantilesOf(&o.Durations), quantilesOf(&o.SelfTimes),
			jsonExample{o.Worst.TraceID.String(), o.Worst.SpanID.String(), o.Worst.SelfTime},
		})
	}
	for _, g := range r.gaps.sorted() {
		head.Gaps = append(head.Gaps, jsonWorst{
			g.TraceID.String(), g.SpanID.String(), g.Service, g.Operation, g.At, g.At + g.End.Sub(g.Start),
			g.Time, g.CriticalTime, g.Joined, g.Incomplete,
		})
	}
	list := &lister{b: b, e: e}
	list.open(head, "traces")
	for _, d := range r.drawn.sorted() {
		list.trace(d)
	}
	b.WriteString("]}\n")
	if list.err != nil {
		return list.err
	}
	return b.Flush()
}

// lister writes objects whose last members are lists, each element on a line of its own, so that a trace of any size is written as it is
// read.
type lister struct {
	b     *bufio.Writer
	e     *json.Encoder
	comma bool
	err   error

	within bool // a span that is not at its end
}

// open writes object, but for its end, and begins the list that is its next member.
func (l *lister) open(object any, list string) {
	l.separate()
	text, err := json.Marshal(object)
	if err != nil {
		l.err = err
		return
	}
	l.b.Write(text[:len(text)-1])
	l.next(list)
}

// next begins another list of an object that is open.
func (l *lister) next(list string) {
	fmt.Fprintf(l.b, ",%q:[\n", list)
	l.comma = false
}

func (l *lister) separate() {
	if l.comma {
		l.b.WriteByte(',')
	}
	l.comma = true
}

func (l *lister) element(v any) {
	l.separate()
	if err := l.e.Encode(v); err != nil {
		l.err = err
	}
}

// someGaps of a span are written at once. It may have a million.
const someGaps = 1000

// more writes a span that is not at its end, with the gaps that it has, and takes them from it.
func (l *lister) more(s *jsonSpan) {
	if !l.within {
		l.separate()
	}
	text, err := json.Marshal(s)
	if err != nil {
		l.err = err
		return
	}
	if l.within {
		text = append([]byte{','}, text[bytes.LastIndex(text, []byte(gapsMember))+len(gapsMember):]...)
	}
	l.b.Write(text[:len(text)-len("]}")])
	l.within = true
	s.Gaps = s.Gaps[:0]
}

// gapsMember is where the gaps of a span begin: they are its last member.
const gapsMember = `"gaps":[`

// last writes a span, or what more has left of it.
func (l *lister) last(s *jsonSpan) {
	if !l.within {
		l.element(s)
		return
	}
	l.more(s)
	l.b.WriteString("]}\n")
	l.within = false
}

func (l *lister) trace(d drawn) {
	t := d.trace
	at := func(moment time.Time) time.Duration { return moment.Sub(t.Start()) }
	warnings := make([]jsonWarning, len(d.warnings))
	for i, w := range d.warnings {
		warnings[i] = jsonWarning{Code: w.Code, Message: w.Message}
		if w.SpanID != 0 {
			warnings[i].SpanID = w.SpanID.String()
		}
	}
	l.open(jsonTrace{t.ID().String(), t.Start(), span(t), selfTime(t), d.critical, warnings}, "spans")
	for n := range t.Nodes() {
		s := jsonSpan{
			SpanID: n.Span().SpanID.String(), Service: n.Service(), Operation: n.Span().Operation, Kind: n.Kind().String(),
			Start: at(n.Start()), Duration: n.Duration(),
			Self: n.SelfTime(), Critical: n.CriticalTime(), Concurrency: n.Concurrency(),
			Blocking: n.Blocking(), Outlives: n.Outlives(), Detached: n.Detached(), Incomplete: n.Incomplete(),
			Gaps: []jsonGap{},
		}
		if p, ok := n.Parent(); ok {
			s.Parent = new(p.Index())
		}
		for g := range n.Gaps(0) {
			if len(s.Gaps) == someGaps {
				l.more(&s)
			}
			j := jsonGap{Class: g.Class.String(), Start: at(g.Start), End: at(g.End), Time: g.Time, Critical: g.CriticalTime}
			if g.Joined() {
				j.Call = new(g.Call.Index())
			}
			s.Gaps = append(s.Gaps, j)
		}
		l.last(&s)
	}
	l.b.WriteByte(']')
	l.next("critical_path")
	for p := range t.CriticalPath() {
		l.element(jsonPiece{p.Node.Index(), p.Class.String(), at(p.Start), at(p.End)})
	}
	l.b.WriteString("]}\n")
	l.comma = true // of the traces
}
