package gap_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// burdened returns processes with many tags, in two equal pairs.
func burdened() []*gap.Process {
	var all []*gap.Process
	for i := range 4 {
		p := &gap.Process{Service: "a"}
		for j := range 10_000 {
			p.Tags = append(p.Tags, gap.Field{Key: []string{"ip", "x"}[i/2], Value: fmt.Sprint(i/2, "-", j/2)})
		}
		all = append(all, p)
	}
	return all
}

// Build must read a process once, not for each span. Otherwise each of these takes minutes, and go
// test times out.
func TestProcessesWithManyTags(t *testing.T) {
	const n = 50_000
	processes := burdened()
	for name, change := range map[string]func(i int, s *gap.Span){
		"with clocks to correct": func(i int, s *gap.Span) { s.Start = s.Start.Add(-time.Duration(i) * time.Hour) },
		"with shared ids": func(i int, s *gap.Span) {
			s.Tags = []gap.Field{{Key: "span.kind", Value: []string{"server", "client"}[i%2]}}
			s.SpanID = gap.SpanID(i/2 + 1)
		},
		"with one id": func(_ int, s *gap.Span) { *s = gap.Span{SpanID: 1} },
		"without ids": func(_ int, s *gap.Span) { *s = gap.Span{} },
		"in a cycle":  func(i int, s *gap.Span) { s.References = []gap.Reference{{SpanID: gap.SpanID(1 + (i+1)%n)}} },
	} {
		all := shapes["fan"](n)
		for i := range all {
			change(i, &all[i])
			all[i].Process = processes[i%len(processes)]
		}
		trace, _ := gap.Build(all)
		if trace.Len() == 0 {
			t.Errorf("%s: no spans", name)
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLongNamesAreNotCopied(t *testing.T) {
	const n, most = 1000, 32 << 20 // a copy for each span is 1 GB
	long := strings.Repeat("x", 1<<20)
	process := &gap.Process{Service: long}
	var operations []gap.Span
	alike := []gap.Span{{SpanID: 1, Operation: long, Start: epoch.Add(-1)}}
	for i := range n {
		operations = append(operations, gap.Span{SpanID: gap.SpanID(i + 1), Operation: fmt.Sprint(i), Process: process})
		alike = append(alike, gap.Span{SpanID: 1, Operation: fmt.Sprint(i), Start: epoch})
	}
	var warnings []gap.Warning
	if got := allocated(func() { _, warnings = gap.Build(alike) }); got > most || len(warnings) != 1 ||
		warnings[0].More != n-1 {
		t.Errorf("%d bytes for %v", got, warnings)
	}
	var s, merged gap.Summary
	if got := allocated(func() { add(&s, operations); merged.Merge(&s) }); got > most {
		t.Errorf("%d operations take %d bytes", n, got)
	}
	for o := range merged.Operations() {
		if o.Service != long {
			t.Fatalf("wrong service of %s", o.Name)
		}
	}
}
