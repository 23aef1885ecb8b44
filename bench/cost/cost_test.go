package main

import (
	"strings"
	"testing"
)

// measuredAs returns a case in which the three contenders had these figures.
func measuredAs(raw, hand, ours []float64) *measured {
	m := &measured{Case: Case{Library: "lib", Name: "call"}}
	for name, ns := range map[string][]float64{rawName: raw, handName: hand, ourName: ours} {
		for s := range states {
			m.cells = append(m.cells, &cell{contender: name, state: s, ns: ns, bytes: ns, allocs: ns})
		}
	}
	return m
}

func TestSummarizeSubtractsRaw(t *testing.T) {
	m := measuredAs([]float64{1000, 2000, 1000}, []float64{2000, 3000, 2010}, []float64{3000, 4000, 3000})
	for _, e := range summarize([]*measured{m}) {
		if e.Contender == ourName && (e.Over != spread{2000, 2000, 2000} || e.ByHand == nil || e.ByHand.Median != 2) {
			t.Errorf("%+v, by hand %+v", e, e.ByHand)
		}
	}
}

func TestNoRatioToCostNearZero(t *testing.T) {
	m := measuredAs([]float64{1000, 1000, 1000}, []float64{900, 1500, 2500}, []float64{3000, 4000, 3000})
	for _, e := range summarize([]*measured{m}) {
		if e.ByHand != nil {
			t.Errorf("%+v", e)
		}
	}
}

func TestExceeded(t *testing.T) {
	m := measuredAs([]float64{1, 1}, nil, []float64{2, 2})
	if exceeded([]*measured{m}) == nil {
		t.Error("a case without a bound passes")
	}
	m.Library, m.Name = "database/sql", "exec" // may allocate once unsampled, and never without a parent
	if exceeded([]*measured{m}) == nil {
		t.Error("an allocation without a parent passes")
	}
	m = measuredAs([]float64{1, 1}, nil, []float64{1, 1})
	m.Library, m.Name = "database/sql", "exec"
	for _, allocs := range []float64{1 + wovenSlack, 1.5 + wovenSlack} {
		m.cells = append(m.cells[:9], &cell{contender: wovenName, allocs: []float64{allocs, allocs}})
		if err := exceeded([]*measured{m}); (err != nil) != (allocs > 1+wovenSlack) {
			t.Errorf("woven, %v allocations: %v", allocs, err)
		}
	}
}

func TestReplaceSection(t *testing.T) {
	const rest = "\n<!-- end -->\nmore\n<!-- bench/cost -service -->\nother\n<!-- end -->\n"
	const document = "prose\n<!-- bench/cost -->\nold" + rest
	got, err := replace([]byte(document), "", []byte("new\n"))
	const want = "prose\n<!-- bench/cost -->\n\nnew\n" + rest
	if string(got) != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if again, err := replace(got, "", []byte("new\n")); string(again) != want || err != nil {
		t.Errorf("a second time: %q, %v", again, err)
	}
	if _, err := replace([]byte(document), "export", nil); err == nil {
		t.Error("a missing section was replaced")
	}
}

// aheadList returns the table's list of peers that cost less than gaptrace when sampled, for these
// costs in each round. The raw call varies from round to round.
func aheadList(ours, peers []float64) string {
	raw, hand := make([]float64, len(ours)), make([]float64, len(ours))
	var ourCalls, peerCalls []float64
	for i := range ours {
		raw[i] = float64(1000 + 700*(i%3))
		hand[i] = raw[i] + 500
		ourCalls, peerCalls = append(ourCalls, raw[i]+ours[i]), append(peerCalls, raw[i]+peers[i])
	}
	m := measuredAs(raw, hand, ourCalls)
	m.cells = append(m.cells, &cell{contender: "some peer", state: Sampled, ns: peerCalls, bytes: hand, allocs: hand})
	var text strings.Builder
	Result{Entries: summarize([]*measured{m})}.table(&text)
	_, list, _ := strings.Cut(text.String(), "\n- unsampled: none\n")
	return list
}

func TestTableListsCheaperPeers(t *testing.T) {
	var rises, less, sometimes, little, nothing, near []float64 // costs by round
	for i := range 15 {
		rises = append(rises, 2000+float64(40*i))
		less = append(less, rises[i]-20)
		sometimes = append(sometimes, rises[i]+float64(30-60*(i%2)))
		little, near = append(little, 90+float64(i%2)), append(near, 89+float64(i%3))
		nothing = append(nothing, 80+float64(i%3))
	}
	for _, c := range []struct {
		of          string
		ours, peers []float64
		want        string
	}{
		{
			"1 % less in every round, although the rounds differ by more", rises, less,
			"- sampled, lib call (2280 ns): some peer 2260 ns\n",
		},
		{"1 % more in every round", less, rises, "- sampled: none\n"},
		{"sometimes less, sometimes more", rises, sometimes, "- sampled: none\n"},
		{"costs too small for a ratio", little, nothing, "- sampled, lib call (90 ns): some peer 81 ns\n"},
		{"costs too small for a ratio, with bounds that overlap", little, near, "- sampled: none\n"},
	} {
		if got := aheadList(c.ours, c.peers); got != c.want {
			t.Errorf("%s: %q", c.of, got)
		}
	}
}
