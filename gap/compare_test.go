package gap_test

import (
	"math"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestDuplicates(t *testing.T) {
	span := func(change func(*gap.Span)) gap.Span {
		s := gap.Span{
			SpanID: 1, Operation: "A", Start: epoch, Duration: time.Second,
			References: []gap.Reference{{SpanID: 2}},
			Process:    &gap.Process{Service: "a", Tags: []gap.Field{{Key: "ip", Value: "::1"}}},
			Tags: []gap.Field{
				{"s", "x"}, {"i", int64(1)}, {"f", math.NaN()}, {"b", []byte{1}}, {"t", true}, {"n", nil},
			},
			Logs: []gap.Log{{Time: epoch, Fields: []gap.Field{{"event", "error"}}}},
		}
		change(&s)
		return s
	}
	same := func(*gap.Span) {}
	for name, change := range map[string]func(*gap.Span){
		"nothing":         same,
		"operation":       func(s *gap.Span) { s.Operation = "B" },
		"reference":       func(s *gap.Span) { s.References[0].SpanID++ },
		"reference type":  func(s *gap.Span) { s.References[0].Type = gap.FollowsFrom },
		"reference trace": func(s *gap.Span) { s.References[0].TraceID.High = 1 },
		"no references":   func(s *gap.Span) { s.References = nil },
		"no process":      func(s *gap.Span) { s.Process = nil },
		"service":         func(s *gap.Span) { s.Process.Service = "b" },
		"process tag":     func(s *gap.Span) { s.Process.Tags[0].Value = "::2" },
		"key":             func(s *gap.Span) { s.Tags[0].Key = "z" },
		"string":          func(s *gap.Span) { s.Tags[0].Value = "y" },
		"integer":         func(s *gap.Span) { s.Tags[1].Value = int64(2) },
		"type":            func(s *gap.Span) { s.Tags[1].Value = "1" },
		"float":           func(s *gap.Span) { s.Tags[2].Value = 0.5 },
		"bytes":           func(s *gap.Span) { s.Tags[3].Value = []byte{2} },
		"bool":            func(s *gap.Span) { s.Tags[4].Value = false },
		"nil":             func(s *gap.Span) { s.Tags[5].Value = "" },
		"time of a log":   func(s *gap.Span) { s.Logs[0].Time = epoch.Add(1) },
		"field of a log":  func(s *gap.Span) { s.Logs[0].Fields[0].Value = "retry" },
		"warning":         func(s *gap.Span) { s.Warnings = []string{"odd"} },
	} {
		all := []gap.Span{span(same), span(change), span(change)}
		var kept *gap.Span
		for range len(all) { // in every rotation
			all = append(all[1:], all[0])
			trace, warnings := gap.Build(all)
			if trace.Len() != 1 || len(warnings) < 2 {
				t.Fatalf("%s: %d spans, %s", name, trace.Len(), codes(warnings))
			}
			if same := codes(warnings[:1]) == "duplicate \x01 +1"; same != (name == "nothing") {
				t.Errorf("%s: %s", name, codes(warnings))
			}
			for n := range trace.Nodes() {
				if kept == nil {
					kept = new(*n.Span())
				} else if !equal(*kept, *n.Span()) {
					t.Errorf("%s: which span is kept depends on the order", name)
				}
			}
		}
	}
}

// equal reports whether Build takes two spans for one.
func equal(a, b gap.Span) bool {
	_, warnings := gap.Build([]gap.Span{a, b})
	return len(warnings) > 0 && warnings[0].Code == gap.WarnDuplicate
}
