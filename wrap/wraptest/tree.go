package wraptest

import (
	"fmt"
	"slices"
	"strings"
)

// Tree draws the finished spans, one per line, indented under their parents. Siblings come in the
// order they started. A line is the operation and the tags, sorted by key; each log has its own
// line. Waits (see [Span.IsWait]) and the tags wait.* are left out, since they depend on time.
// replace holds pairs, old and new, for what else differs between runs, such as ports. Problems
// follow the tree, so that a comparison fails.
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

// IsWait reports whether s is a wait after a call's first, or a server's wait for its client.
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
				continue // the same text as message
			}
			fmt.Fprintf(b, " %s=%s", f.Key(), quoted(f.Value()))
		}
		b.WriteByte('\n')
	}
}

// quoted formats value, in quotes if it holds a space, a quote, "=" or a line break.
func quoted(value any) string {
	s := fmt.Sprint(value)
	if s == "" || strings.ContainsAny(s, " =\"\n") {
		return fmt.Sprintf("%q", s)
	}
	return s
}
