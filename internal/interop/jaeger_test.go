package interop_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// span is one as Jaeger answers it.
type span struct {
	SpanID        string
	OperationName string
	StartTime     int64 // µs
	ProcessID     string
	References    []struct{ RefType, SpanID string }
	Tags          []struct {
		Key   string
		Value any
	}
	service string
}

func (s *span) tag(key string) any {
	for _, tag := range s.Tags {
		if tag.Key == key {
			return tag.Value
		}
	}
	return nil
}

// fromJaeger waits for a trace to have count spans, and draws them as a tree, each with the tags
// named in shown. It leaves out the spans for which drawnIfSlow is true.
func fromJaeger(t *testing.T, queryURL, trace string, count int, shown ...string) (tree string, spans []*span) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		spans = slices.DeleteFunc(askJaeger(t, queryURL, trace), func(s *span) bool {
			return drawnIfSlow(s.OperationName)
		})
		if len(spans) >= count || time.Now().After(deadline) {
			break
		}
	}
	children := map[string][]*span{}
	ids := map[string]bool{}
	for _, s := range spans {
		ids[s.SpanID] = true
	}
	for _, s := range spans {
		parent := ""
		for _, ref := range s.References {
			if ref.RefType == "CHILD_OF" {
				parent = ref.SpanID
			}
		}
		if parent != "" && !ids[parent] {
			parent = "missing"
		}
		children[parent] = append(children[parent], s)
	}
	var b strings.Builder
	var draw func(parent, indent string)
	draw = func(parent, indent string) {
		slices.SortFunc(children[parent], func(a, b *span) int { return cmp.Compare(a.StartTime, b.StartTime) })
		for _, s := range children[parent] {
			fmt.Fprintf(&b, "%s%s: %s", indent, s.service, s.OperationName)
			for _, key := range shown {
				if value := s.tag(key); value != nil {
					fmt.Fprintf(&b, " %s=%v", key, value)
				}
			}
			b.WriteByte('\n')
			draw(s.SpanID, indent+"  ")
		}
	}
	draw("", "")
	if children["missing"] != nil {
		b.WriteString("(not in Jaeger)\n")
		draw("missing", "  ")
	}
	return b.String(), spans
}

func askJaeger(t *testing.T, queryURL, trace string) (spans []*span) {
	t.Helper()
	res, err := http.Get(queryURL + "/api/traces/" + trace)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound { // not yet
		return nil
	}
	var answer struct {
		Data []struct {
			Spans     []*span
			Processes map[string]struct{ ServiceName string }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, trace := range answer.Data {
		for _, s := range trace.Spans {
			s.service = trace.Processes[s.ProcessID].ServiceName
		}
		spans = append(spans, trace.Spans...)
	}
	return spans
}
