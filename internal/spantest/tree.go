package spantest

import (
	"fmt"
	"slices"
	"strings"
)

// Tree draws the finished spans, a line each, indented under their parents, siblings in the order
// they started: the operation, then the tags in the order of their keys. A log is a line of its
// own. What depends on time is left out, so that trees can be compared: waits (see IsWait), and
// the totals of waits. The pairs of replace, old and new, stand for what else differs between runs,
// such as ports. Misuse of spans follows the tree, and so spoils the comparison.
func (t *Tracer) Tree(replace ...string) string {
	spans := t.Spans()
	var b strings.Builder
	var draw func(parent, depth int)
	draw = func(parent, depth int) {
		for _, s := range spans {
			if s.ParentID == parent && !s.IsWait() {
				s.draw(&b, strings.Repeat("  ", depth))
				draw(s.ID, depth+1)
			}
		}
	}
	draw(0, 0)
	for _, p := range t.Problems() {
		fmt.Fprintf(&b, "PROBLEM: %s\n", p)
	}
	return strings.NewReplacer(replace...).Replace(b.String())
}

// IsWait reports whether s is a later wait of a call, drawn beside the call's own span, or a wait of
// a server on its client.
func (s *Span) IsWait() bool {
	return slices.ContainsFunc([]string{" wait", " read", " write"}, func(suffix string) bool {
		return strings.HasSuffix(s.Operation, suffix)
	})
}

func (s *Span) draw(b *strings.Builder, indent string) {
	b.WriteString(indent + s.Operation)
	var keys []string
	for key := range s.Tags {
		if !strings.HasPrefix(key, "wait.") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		fmt.Fprintf(b, " %s=%s", key, quoted(s.Tags[key]))
	}
	b.WriteByte('\n')
	for _, record := range s.Logs {
		b.WriteString(indent + "  *")
		for _, f := range record.Fields {
			if f.Key() == "error.object" {
				continue // reads as message does
			}
			fmt.Fprintf(b, " %s=%s", f.Key(), quoted(f.Value()))
		}
		b.WriteByte('\n')
	}
}

// quoted is value as it reads, in quotes where it would run into its neighbours.
func quoted(value any) string {
	s := fmt.Sprint(value)
	if s == "" || strings.ContainsAny(s, " =\"\n") {
		return fmt.Sprintf("%q", s)
	}
	return s
}
