package report

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// schemaVersion is the version in docs/report.schema.json. Raise it if programs that read the JSON
// would have to change.
const schemaVersion = 2

type jsonHead struct {
	Version    int                     `json:"version"`
	Count      jsonCount               `json:"count"`
	Warnings   map[gap.WarningCode]int `json:"warnings"`
	Notes      []string                `json:"notes,omitempty"`
	By         string                  `json:"by,omitempty"`
	Operations []jsonOperation         `json:"operations"`
	Gaps       []jsonGapGroup          `json:"gaps"`
}

type jsonCount struct {
	Traces     int `json:"traces"`
	Spans      int `json:"spans"`
	SeenAgain  int `json:"seen_again"`
	Incomplete int `json:"incomplete"`
	Moved      int `json:"moved"`
}

type jsonOperation struct {
	Service     string        `json:"service"`
	Operation   string        `json:"operation"`
	Value       *string       `json:"value,omitempty"` // of the tag By
	Count       int64         `json:"count"`
	Duration    time.Duration `json:"duration_ns"`
	Self        time.Duration `json:"self_ns"`
	Critical    time.Duration `json:"critical_ns"`
	Concurrency time.Duration `json:"concurrency_ns"`
	Share       float64       `json:"share"`
	Durations   jsonQuantiles `json:"durations"`
	SelfTimes   jsonQuantiles `json:"self_times"`
	Worst       jsonSpanRef   `json:"worst"`
	jsonParts
}

type jsonQuantiles struct {
	Min time.Duration `json:"min_ns"`
	P50 time.Duration `json:"p50_ns"`
	P95 time.Duration `json:"p95_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

func quantilesOf(h *gap.Histogram) jsonQuantiles {
	return jsonQuantiles{
		Min: h.Quantile(0),
		P50: h.Quantile(quantiles[0]), P95: h.Quantile(quantiles[1]), P99: h.Quantile(quantiles[2]),
		Max: h.Quantile(1),
	}
}

type jsonSpanRef struct {
	TraceID    string        `json:"trace_id"`
	SpanID     string        `json:"span_id"`
	Self       time.Duration `json:"self_ns"`
	Incomplete bool          `json:"incomplete,omitempty"`
}

// jsonGapGroup is the gaps at one position of an operation. After and Before are null if the gaps
// start or end with their spans, and for joined time.
type jsonGapGroup struct {
	Service   string        `json:"service"`
	Operation string        `json:"operation"`
	Value     *string       `json:"value,omitempty"` // of the tag By
	After     *string       `json:"after"`
	Before    *string       `json:"before"`
	Within    *string       `json:"within,omitempty"` // for joined time
	Count     int64         `json:"count"`
	Time      time.Duration `json:"time_ns"`
	Critical  time.Duration `json:"critical_ns"`
	Times     jsonQuantiles `json:"times"`
	Worst     jsonGapRef    `json:"worst"`
	jsonParts
}

type jsonGapRef struct {
	TraceID    string        `json:"trace_id"`
	SpanID     string        `json:"span_id"`
	Start      time.Duration `json:"start_ns"`
	Time       time.Duration `json:"time_ns"`
	Critical   time.Duration `json:"critical_ns"`
	Incomplete bool          `json:"incomplete,omitempty"`
}

// unless returns s, or nil if it does not apply.
func unless(absent bool, s string) *string {
	if absent {
		return nil
	}
	return &s
}

type jsonTrace struct {
	TraceID    string        `json:"trace_id"`
	Start      time.Time     `json:"start"`
	Duration   time.Duration `json:"duration_ns"`
	Self       time.Duration `json:"self_ns"`
	Critical   time.Duration `json:"critical_ns"`
	Incomplete bool          `json:"incomplete,omitempty"`
	Warnings   []jsonWarning `json:"warnings"`
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
	Failed      bool          `json:"failed,omitempty"`
	Moved       time.Duration `json:"moved_ns,omitempty"`
	Gaps        []jsonGap     `json:"gaps"`
}

type jsonGap struct {
	Class    string        `json:"class"`
	Start    time.Duration `json:"start_ns"`
	End      time.Duration `json:"end_ns"`
	Time     time.Duration `json:"time_ns"`
	Critical time.Duration `json:"critical_ns"`
	Call     *int          `json:"call,omitempty"`
	After    *int          `json:"after,omitempty"`
	Before   *int          `json:"before,omitempty"`

	Explanation *jsonExplanation `json:"explanation,omitempty"`
}

type jsonSegment struct {
	Span  int           `json:"span"`
	Class string        `json:"class"`
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
}

// JSON writes the report as one JSON object: all operations, the listed gaps, and the drawn traces
// with all their spans, gaps and critical paths. docs/report.md explains it, and
// docs/report.schema.json is its schema. Times are integer nanoseconds from the start of their
// trace.
func (r *Report) JSON(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b) // ends each value with a new line
	e.SetEscapeHTML(false)
	head := jsonHead{
		Version:  schemaVersion,
		Count:    jsonCount{r.traces, r.spans, r.caveats.seenAgain, r.caveats.incomplete, r.caveats.moved},
		Warnings: r.warnings, Notes: r.notes, By: r.summary.By, Operations: []jsonOperation{}, Gaps: []jsonGapGroup{},
	}
	for o := range r.summary.Operations() {
		head.Operations = append(head.Operations, jsonOperation{
			o.Service, o.Name, unless(!o.Tagged, o.TagValue),
			o.Count, o.Duration, o.SelfTime, o.CriticalTime, o.Concurrency, o.Share,
			quantilesOf(&o.Durations), quantilesOf(&o.SelfTimes),
			jsonSpanRef{o.Worst.TraceID.String(), o.Worst.SpanID.String(), o.Worst.SelfTime, o.Worst.Incomplete},
			partsOf(o.Parts),
		})
	}
	for _, g := range r.Gaps() {
		p, w := g.Position, g.Worst
		head.Gaps = append(head.Gaps, jsonGapGroup{
			g.Service, g.Operation, unless(!g.Tagged, g.TagValue), unless(p.AtStart || p.Joined, p.After),
			unless(p.AtEnd || p.Joined, p.Before), unless(!p.Joined, p.Within),
			g.Count, g.Time, g.CriticalTime, quantilesOf(&g.Times),
			jsonGapRef{w.TraceID.String(), w.SpanID.String(), w.At, w.Time, w.CriticalTime, w.Incomplete},
			partsOf(g.Parts),
		})
	}
	list := &listWriter{b: b, e: e}
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

func (l *listWriter) trace(d drawn) {
	t := d.trace
	at := func(moment time.Time) time.Duration { return moment.Sub(t.Start()) }
	warnings := make([]jsonWarning, len(d.warnings))
	for i, w := range d.warnings {
		warnings[i] = jsonWarning{Code: w.Code, Message: w.Message}
		if w.SpanID != 0 {
			warnings[i].SpanID = w.SpanID.String()
		}
	}
	l.open(jsonTrace{
		t.ID().String(), t.Start(), t.Duration(), t.SelfTime(), d.critical, t.Incomplete(), warnings,
	}, "spans")
	indexes := make([]int, t.Len()) // to point to, since an int for each gap would be an allocation
	for i := range indexes {
		indexes[i] = i
	}
	index := func(n gap.Node) *int {
		if n == (gap.Node{}) {
			return nil
		}
		return &indexes[n.Index()]
	}
	for n := range t.Nodes() {
		s := jsonSpan{
			SpanID: n.Span().SpanID.String(), Service: n.Service(), Operation: n.Span().Operation,
			Kind:  n.Kind().String(),
			Start: at(n.Start()), Duration: n.Duration(),
			Self: n.SelfTime(), Critical: n.CriticalTime(), Concurrency: n.Concurrency(),
			Blocking: n.Blocking(), Outlives: n.Outlives(), Detached: n.Detached(), Incomplete: n.Incomplete(),
			Failed: n.Failed(), Moved: n.Moved(),
			Gaps: []jsonGap{},
		}
		if p, ok := n.Parent(); ok {
			s.Parent = index(p)
		}
		parts := 0 // and moments, in s.Gaps
		for g := range n.Gaps(0) {
			if len(s.Gaps) == maxGapsAtOnce || parts > maxPartsAtOnce {
				l.flushGaps(&s)
				parts = 0
			}
			j := jsonGap{
				Class: g.Class.String(), Start: at(g.Start), End: at(g.End), Time: g.Time, Critical: g.CriticalTime,
			}
			j.Call, j.After, j.Before = index(g.Call), index(g.After), index(g.Before)
			if g.Explanation != nil {
				j.Explanation = explanationOf(g, t.Start())
				parts += len(j.Explanation.Parts) + len(j.Explanation.Moments)
			}
			s.Gaps = append(s.Gaps, j)
		}
		l.span(&s)
	}
	l.b.WriteByte(']')
	l.next("critical_path")
	for s := range t.CriticalPath() {
		l.element(jsonSegment{s.Node.Index(), s.Class.String(), at(s.Start), at(s.End)})
	}
	l.b.WriteString("]}\n")
	l.comma = true // before the next trace
}
