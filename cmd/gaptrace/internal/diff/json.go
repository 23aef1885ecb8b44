package diff

import (
	"encoding/json"
	"io"
	"math"
	"time"
)

// schemaVersion is the version in docs/diff.schema.json. Raise it if programs that read the JSON
// would have to change.
const schemaVersion = 1

type jsonDiff struct {
	Version  int         `json:"version"`
	Alpha    float64     `json:"alpha"`
	By       string      `json:"by,omitempty"`
	Before   jsonTotal   `json:"before"`
	After    jsonTotal   `json:"after"`
	Trace    jsonChange  `json:"trace"`
	Places   []jsonPlace `json:"places"`
	Warnings []string    `json:"warnings"`
}

type jsonTotal struct {
	Input      string        `json:"input"`
	Traces     int           `json:"traces"`
	Spans      int           `json:"spans"`
	Incomplete int           `json:"incomplete"`
	SeenAgain  int           `json:"seen_again"`
	Critical   time.Duration `json:"critical_ns"`
	Duration   *jsonMedian   `json:"duration"`
}

type jsonPlace struct {
	Service   string        `json:"service"`
	Operation string        `json:"operation"`
	Value     *string       `json:"value,omitempty"` // of the tag By
	After     *string       `json:"after"`
	Before    *string       `json:"before"`
	Within    *string       `json:"within,omitempty"` // for joined time
	Kind      string        `json:"kind"`
	Cost      time.Duration `json:"cost_ns"`
	Old       jsonMeasured  `json:"old"`
	New       jsonMeasured  `json:"new"`
	Time      jsonChange    `json:"time"`
	Occurs    jsonChange    `json:"occurs"`
}

type jsonMeasured struct {
	Operations int64         `json:"operation_spans"`
	Spans      int64         `json:"spans"`
	Traces     int64         `json:"traces"`
	Share      float64       `json:"share"`
	Critical   time.Duration `json:"critical_ns"`
	Time       *jsonMedian   `json:"time"`
}

type jsonMedian struct {
	Values int            `json:"values"`
	Median time.Duration  `json:"median_ns"`
	Low    *time.Duration `json:"low_ns"`
	High   *time.Duration `json:"high_ns"`
}

type jsonChange struct {
	P           float64  `json:"p"`
	Ratio       *float64 `json:"ratio"`
	Significant bool     `json:"significant"`
}

// JSON writes the comparison as one JSON object. docs/diff.schema.json is its schema. Names are
// those of the inputs before and after.
func (d *Diff) JSON(w io.Writer, names [2]string) error {
	result := jsonDiff{
		Version: schemaVersion, Alpha: d.Alpha, By: d.By,
		Before: d.Before.json(names[0]), After: d.After.json(names[1]), Trace: d.Trace.json(),
		Places: []jsonPlace{}, Warnings: append([]string{}, d.Warnings...),
	}
	for i := range d.Places {
		result.Places = append(result.Places, d.Places[i].json())
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(result)
}

func (t Total) json(name string) jsonTotal {
	return jsonTotal{name, t.Traces, t.Spans, t.Incomplete, t.SeenAgain, t.Critical, t.Duration.json()}
}

func (r *Row) json() jsonPlace {
	p := r.Position
	return jsonPlace{
		r.Service, r.Name, unless(!r.Tagged, r.TagValue),
		unless(p.AtStart || p.Joined, p.After), unless(p.AtEnd || p.Joined, p.Before), unless(!p.Joined, p.Within),
		r.Kind.String(), r.Cost, r.Before.json(), r.After.json(), r.Time.json(),
		jsonChange{r.Occurs, number(r.After.Share() / r.Before.Share()), r.Often},
	}
}

func (m Measured) json() jsonMeasured {
	return jsonMeasured{m.Operations, m.Spans, m.Traces, m.Share(), m.Critical, m.Time.json()}
}

// json returns nil for the median of nothing.
func (m Median) json() *jsonMedian {
	if m.N == 0 {
		return nil
	}
	j := &jsonMedian{Values: m.N, Median: m.Center}
	if m.Bounded() {
		j.Low, j.High = &m.Low, &m.High
	}
	return j
}

func (c Change) json() jsonChange { return jsonChange{c.P, number(c.Ratio), c.Significant} }

// number returns nil for what JSON has no number for.
func number(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// unless returns s, or nil if it does not apply.
func unless(absent bool, s string) *string {
	if absent {
		return nil
	}
	return &s
}
