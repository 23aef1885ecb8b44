package report_test

import (
	"bytes"
	"io"
	"math"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/gap/rollup"
)

// A report of partials has the text and the JSON of one to which the traces were added.
func TestAddPartial(t *testing.T) {
	traces := someTraces()
	twice := inTrace(77, request())
	twice = append(twice, twice...) // one warning stands for all spans that came twice
	orphan := inTrace(78, request())[1:]
	traces = append(traces, twice, orphan)
	o := report.Options{Traces: -1} // drawn
	whole, parts := report.New(o), report.New(o)
	for _, part := range [][][]gap.Span{traces[:2], nil, traces[2:]} {
		p := rollup.NewPartial(rollup.Options{})
		for _, spans := range part {
			built, warnings := gap.Build(spans)
			whole.Add(built, warnings)
			p.Add(built, warnings)
		}
		parts.AddPartial(p)
	}
	for name, write := range map[string]func(r *report.Report, b *bytes.Buffer) error{
		"text": func(r *report.Report, b *bytes.Buffer) error { return r.Text(b, report.TextOptions{}) },
		"json": func(r *report.Report, b *bytes.Buffer) error { return r.JSON(b) },
	} {
		var want, got bytes.Buffer
		if err := write(whole, &want); err != nil {
			t.Fatal(err)
		}
		if err := write(parts, &got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: %d bytes, want %d", name, got.Len(), want.Len())
		}
		if !bytes.Contains(want.Bytes(), []byte("duplicate")) {
			t.Errorf("%s says nothing of the spans that came twice", name)
		}
	}
}

// An untrusted partial may have any text for a warning.
func TestAddPartialWithHostileWarning(t *testing.T) {
	r := report.New(report.Options{})
	p := rollup.NewPartial(rollup.Options{})
	p.Traces, p.Warnings["\x1b[2J\nforged"] = 1, 1
	r.AddPartial(p)
	for name, write := range map[string]func(w io.Writer) error{
		"text": func(w io.Writer) error { return r.Text(w, report.TextOptions{}) },
		"html": func(w io.Writer) error { return r.HTML(w, report.HTMLOptions{}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || bytes.Contains(b.Bytes(), []byte("\x1b")) ||
			bytes.Contains(b.Bytes(), []byte("\nforged")) || !bytes.Contains(b.Bytes(), []byte("forged")) {
			t.Errorf("%s: %v, %q", name, err, &b)
		}
	}
}

// An untrusted partial may have any counts.
func TestAddPartialWithLargeCounts(t *testing.T) {
	r := report.New(report.Options{})
	p := rollup.NewPartial(rollup.Options{})
	p.Traces, p.Spans, p.Incomplete, p.Moved = math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64
	p.Warnings[gap.WarnCycle] = math.MaxInt64
	for range 3 {
		r.AddPartial(p)
	}
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil || bytes.Contains(b.Bytes(), []byte("-")) {
		t.Errorf("%v, a count is negative:\n%s", err, &b)
	}
}
