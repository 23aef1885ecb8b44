package gap_test

import (
	"cmp"
	"math"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
)

func TestStrings(t *testing.T) {
	for want, got := range map[string]interface{ String() string }{
		"000000000000002a":                 gap.SpanID(42),
		"00000000000000ff":                 gap.TraceID{Low: 255},
		"0000000000000001000000000000000f": gap.TraceID{High: 1, Low: 15},
		"internal":                         gap.KindInternal,
		"consumer":                         gap.KindConsumer,
		"kind 9":                           gap.Kind(9),
		"wire":                             gap.ClassWire,
		"class 9":                          gap.Class(9),
		"span 0000000000000001: odd":       gap.Warning{SpanID: 1, Message: "odd"},
		"odd":                              gap.Warning{Message: "odd"},
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestParseTraceID(t *testing.T) {
	for text, want := range map[string]gap.TraceID{
		"0000000000000001": {Low: 1}, "1": {Low: 1}, "ABCdef": {Low: 0xabcdef}, "0": {},
		"00000000000000010000000000000002": {High: 1, Low: 2}, "10000000000000002": {High: 1, Low: 2},
		"ffffffffffffffffffffffffffffffff": {High: math.MaxUint64, Low: math.MaxUint64},
	} {
		if got, err := gap.ParseTraceID(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if got, err := gap.ParseTraceID(want.String()); err != nil || got != want {
			t.Errorf("%v: %v, %v", want, got, err)
		}
	}
	for _, text := range []string{
		"", "x", "+1", "0x1", "1_0", " 1",
		"000000000000000000000000000000001", "x0000000000000001", "0000000000000000-000000000000001",
	} {
		if got, err := gap.ParseTraceID(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestCompareTraceIDs(t *testing.T) {
	ordered := []gap.TraceID{{}, {Low: 1}, {Low: math.MaxUint64}, {High: 1}, {High: 1, Low: 1}, {High: 2}}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := a.Compare(b); got != cmp.Compare(i, j) {
				t.Errorf("%v and %v: %d", a, b, got)
			}
		}
	}
}
