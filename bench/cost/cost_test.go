package main

import (
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

func TestOursAllocatesNoMoreThanIsWrittenDown(t *testing.T) {
	tracers := inMemory()
	defer tracers.close()
	var all []*measured
	for _, c := range cases() {
		all = append(all, open(c, tracers, []peer.Peer{named(rawName), named(ourName)}))
	}
	run(all, plan{rounds: 3, batch: time.Millisecond, chunk: 32}, func(int) {})
	if err := exceeded(all); err != nil {
		t.Error(err)
	}
}

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
