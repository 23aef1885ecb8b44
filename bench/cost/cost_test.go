package main

import (
	"strings"
	"testing"
)

// measuredAs is a case in which the three contenders were measured so.
func measuredAs(raw, hand, ours []float64) *measured {
	m := &measured{Case: Case{Room: "room", Name: "call"}}
	for name, ns := range map[string][]float64{rawName: raw, handName: hand, ourName: ours} {
		for s := range states {
			m.cells = append(m.cells, &cell{contender: name, state: s, ns: ns, bytes: ns, allocs: ns})
		}
	}
	return m
}

func TestACostIsOverRawAndARatioIsOfCosts(t *testing.T) {
	m := measuredAs([]float64{1000, 2000, 1000}, []float64{2000, 3000, 2010}, []float64{3000, 4000, 3000})
	for _, e := range summarize([]*measured{m}) {
		if e.Contender == ourName && (e.Over != spread{2000, 2000, 2000} || e.ByHand == nil || e.ByHand.Median != 2) {
			t.Errorf("%+v, by hand %+v", e, e.ByHand)
		}
	}
}

func TestThereIsNoRatioToWhatCannotBeToldFromNothing(t *testing.T) {
	m := measuredAs([]float64{1000, 1000, 1000}, []float64{900, 1500, 2500}, []float64{3000, 4000, 3000})
	for _, e := range summarize([]*measured{m}) {
		if e.ByHand != nil {
			t.Errorf("%+v", e)
		}
	}
}

func TestAnAllocationTooManyIsNoticed(t *testing.T) {
	m := measuredAs([]float64{1, 1}, nil, []float64{2, 2})
	if exceeded([]*measured{m}) == nil {
		t.Error("a case without a bound passes")
	}
	m.Room, m.Name = "database/sql", "exec" // to which an unsampled call may add one, and one without a parent none
	if exceeded([]*measured{m}) == nil {
		t.Error("an allocation without a parent passes")
	}
}

func TestASectionIsReplacedAndTheProseAroundItStays(t *testing.T) {
	const document = "prose\n<!-- bench/cost -->\nold\n<!-- end -->\nmore\n<!-- bench/cost -service -->\nother\n<!-- end -->\n"
	got, err := replace([]byte(document), "", []byte("new\n"))
	const want = "prose\n<!-- bench/cost -->\n\nnew\n\n<!-- end -->\nmore\n<!-- bench/cost -service -->\nother\n<!-- end -->\n"
	if string(got) != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if again, err := replace(got, "", []byte("new\n")); string(again) != want || err != nil {
		t.Errorf("a second time: %q, %v", again, err)
	}
	if _, err := replace([]byte(document), "export", nil); err == nil {
		t.Error("a section that is not there was replaced")
	}
}

func TestTheTableSaysWhoIsAhead(t *testing.T) {
	m := measuredAs([]float64{1000, 1000}, []float64{2000, 2000}, []float64{3000, 3000})
	m.cells = append(m.cells, &cell{contender: "some peer", state: Sampled, ns: []float64{1500, 1500}, bytes: []float64{0, 0}, allocs: []float64{0, 0}})
	var text strings.Builder
	Result{Entries: summarize([]*measured{m})}.table(&text)
	if !strings.Contains(text.String(), "- sampled, room call (2000 ns): some peer 500 ns\n") {
		t.Error(text.String())
	}
}
