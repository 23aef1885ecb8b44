package gap_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

var epoch = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// spans parses one span per line, with times in microseconds:
//
//	B2 [10,30) client <A ~C joined=4 @shop/host trace=7
//
//	B2          the operation; its first letter is the span id, and ? means no id
//	client      the span.kind
//	<A ~C       references: ChildOf, FollowsFrom. <A7 is span A of trace 7
//	wait=C      the operation is "C wait", and the span FollowsFrom C
//	@shop/host  the process, perhaps with its host
//	corrected   with Jaeger's warning that it moved the span
//	timeless    without start and duration
func spans(t testing.TB, text string) []gap.Span {
	t.Helper()
	var all []gap.Span
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var from, to int64
		if _, err := fmt.Sscanf(words[1], "[%d,%d)", &from, &to); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		s := gap.Span{
			TraceID: gap.TraceID{Low: 1}, SpanID: id(words[0]), Operation: words[0],
			Start:    epoch.Add(time.Duration(from) * time.Microsecond),
			Duration: time.Duration(to-from) * time.Microsecond,
		}
		for _, word := range words[2:] {
			trace := gap.TraceID{Low: 1}
			switch key, value, _ := strings.Cut(word, "="); {
			case key == "joined":
				us, _ := strconv.ParseInt(value, 10, 64)
				s.Tags = append(s.Tags, gap.Field{Key: "wait.joined_us", Value: us})
			case key == "wait":
				s.Operation = value + " wait"
				s.References = append(s.References,
					gap.Reference{Type: gap.FollowsFrom, TraceID: trace, SpanID: id(value)})
			case key == "trace":
				s.TraceID.Low, _ = strconv.ParseUint(value, 10, 64)
			case word[0] == '@':
				service, host, ok := strings.Cut(word[1:], "/")
				s.Process = &gap.Process{Service: service}
				if ok {
					s.Process.Tags = []gap.Field{{Key: "client-uuid", Value: "1"}, {Key: "hostname", Value: host}}
				}
			case word == "timeless":
				s.Start, s.Duration = time.Unix(0, 0), 0
			case word == "corrected":
				s.Warnings = []string{"odd", "This span's timestamps were adjusted by -4.5ms"}
			case word[0] == '<', word[0] == '~':
				ref := gap.Reference{Type: gap.ChildOf, TraceID: trace, SpanID: id(word[1:])}
				if word[0] == '~' {
					ref.Type = gap.FollowsFrom
				}
				if len(word) > 2 {
					ref.TraceID.Low, _ = strconv.ParseUint(word[2:], 10, 64)
				}
				s.References = append(s.References, ref)
			default:
				s.Tags = append(s.Tags, gap.Field{Key: "span.kind", Value: word})
			}
		}
		all = append(all, s)
	}
	return all
}

func id(name string) gap.SpanID {
	if name[0] == '?' {
		return 0
	}
	return gap.SpanID(name[0])
}

// tree draws the nodes in their order: B<A is a child that blocks A, B~A one that does not.
func tree(t *gap.Trace) string {
	var words []string
	for n := range t.Nodes() {
		word := n.Span().Operation
		if p, ok := n.Parent(); ok {
			word += map[bool]string{true: "<", false: "~"}[n.Blocking()] + p.Span().Operation
		}
		switch {
		case n.Outlives():
			word += "(outlives)"
		case n.Detached():
			word += "(detached)"
		case n.Incomplete():
			word += "(incomplete)"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// gaps draws the gaps: "A self [0,10)", or "A self 4 of [0,10) of B" for time that call B hides.
func gaps(t *gap.Trace) string {
	var lines []string
	for g := range t.Gaps(0) {
		at := fmt.Sprintf("[%v,%v)", g.Start.Sub(epoch).Microseconds(), g.End.Sub(epoch).Microseconds())
		if g.Joined() {
			at = fmt.Sprintf("%v of %s of %s", g.Time.Microseconds(), at, g.Call.Span().Operation)
		}
		lines = append(lines, fmt.Sprintf("%s %v %s", g.Node.Span().Operation, g.Class, at))
	}
	return strings.Join(lines, ", ")
}

// path draws the critical path: "A[0,10) B[10,20)".
func path(t *gap.Trace) string {
	var words []string
	for p := range t.CriticalPath() {
		start, end := p.Start.Sub(epoch).Microseconds(), p.End.Sub(epoch).Microseconds()
		words = append(words, fmt.Sprintf("%s[%v,%v)", p.Node.Span().Operation, start, end))
	}
	return strings.Join(words, " ")
}

func codes(warnings []gap.Warning) string {
	var words []string
	for _, w := range warnings {
		word := string(w.Code)
		if w.SpanID != 0 {
			word += " " + string(rune(w.SpanID))
		}
		if w.More > 0 {
			word += fmt.Sprintf(" +%d", w.More)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// dump prints everything about a trace.
func dump(t *gap.Trace, warnings []gap.Warning) string {
	var b strings.Builder
	fmt.Fprintln(&b, t.ID(), t.Len(), t.Start(), t.End(), tree(t))
	for n := range t.Nodes() {
		s := n.Span()
		fmt.Fprintln(&b, s.SpanID, s.Operation, n.Depth(), n.Kind(), n.Start(), n.End(), n.SelfTime(), n.CriticalTime(),
			n.Concurrency(), len(s.Tags), len(s.References))
	}
	for g := range t.Gaps(0) {
		fmt.Fprint(&b, g.Node.Span().SpanID, g.Node.Span().Operation, g.Class, g.Start, g.End, g.Time, g.CriticalTime)
		if g.Joined() {
			fmt.Fprint(&b, g.Call.Span().SpanID, g.Call.Span().Operation)
		}
		fmt.Fprintln(&b)
	}
	for p := range t.CriticalPath() {
		fmt.Fprintln(&b, p.Node.Span().SpanID, p.Node.Span().Operation, p.Class, p.Start, p.End)
	}
	for _, w := range warnings {
		fmt.Fprintln(&b, w)
	}
	return b.String()
}

// drawing is a trace and what Build must find in it. An empty tree or path is not checked, nor are
// gaps that are "-".
type drawing struct{ spans, tree, gaps, path, warnings string }

func check(t *testing.T, drawings map[string]drawing) {
	for name, want := range drawings {
		t.Run(name, func(t *testing.T) {
			input := spans(t, want.spans)
			trace, warnings := gap.Build(input)
			if got := tree(trace); want.tree != "" && got != want.tree {
				t.Errorf("tree %s\nwant %s", got, want.tree)
			}
			if got := gaps(trace); got != want.gaps && want.gaps != "-" {
				t.Errorf("gaps %s\nwant %s", got, want.gaps)
			}
			if got := path(trace); got != want.path && want.path != "" {
				t.Errorf("path %s\nwant %s", got, want.path)
			}
			if got := codes(warnings); got != want.warnings {
				t.Errorf("warnings %s\nwant     %s", got, want.warnings)
			}
			hold(t, trace, warnings)
			orderDoesNotMatter(t, input)
		})
	}
}
