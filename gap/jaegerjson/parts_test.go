package jaegerjson_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

// The parts of a large trace are what Read yields without WithParts.
func TestParts(t *testing.T) {
	for name, test := range map[string]struct {
		perTrace int
		parts    int // 0: the traces are yielded
	}{"a large trace": {0, 3}, "large traces": {1500, 4}, "small traces": {1000, 0}} {
		var text bytes.Buffer
		if err := manyspans.Write(&text, "realistic", 3000, test.perTrace); err != nil {
			t.Fatal(err)
		}
		want, _ := readAll(bytes.NewReader(text.Bytes()))
		var got [][]gap.Span
		parts, progress := 0, read.Progress{}
		yielded, errs := readAll(bytes.NewReader(text.Bytes()), read.WithParts(func(trace [][]gap.Span) bool {
			got = append(got, slices.Concat(trace...))
			parts += len(trace)
			return true
		}), read.WithProgress(func(p read.Progress) { progress = p }))
		if got = append(got, yielded...); !reflect.DeepEqual(got, want) || errs != nil {
			t.Errorf("%s: %d traces, %v; want %d", name, len(got), errs, len(want))
		}
		if parts != test.parts || progress.Traces != len(want) || progress.Spans != 3000 {
			t.Errorf("%s: %d parts, want %d; %+v", name, parts, test.parts, progress)
		}
	}
}

func TestPartsEndReading(t *testing.T) {
	var text bytes.Buffer
	if err := manyspans.Write(&text, "realistic", 6000, 2000); err != nil {
		t.Fatal(err)
	}
	calls := 0
	for range jaegerjson.Read(&text, read.WithParts(func([][]gap.Span) bool { calls++; return false })) {
		t.Error("something comes after the end")
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

// A file of spans that someone put together has several traces in one object.
func TestPartsOfSeveralTraces(t *testing.T) {
	spans := make([]gap.Span, 3000)
	for i := range spans {
		spans[i] = gap.Span{TraceID: gap.TraceID{Low: uint64(1 + i/2000)}, SpanID: gap.SpanID(i + 1)}
	}
	var text bytes.Buffer
	if err := jaegerjson.Write(&text, spans); err != nil {
		t.Fatal(err)
	}
	traces, errs := readAll(&text, read.WithParts(func(parts [][]gap.Span) bool {
		t.Errorf("parts of %d traces", len(parts))
		return true
	}))
	if len(traces) != 2 || len(traces[0]) != 2000 || len(traces[1]) != 1000 || errs != nil {
		t.Errorf("%d traces, %v", len(traces), errs)
	}
}
