package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table prints a result in Markdown that is also readable on a terminal.
func (r Result) table(w io.Writer) {
	fmt.Fprintf(w, "%s; %s; %s; %d rounds.\n%s.\n", r.Date, r.Machine, r.Go, r.Rounds, r.versions())
	if r.Services != nil {
		fmt.Fprintln(w)
		r.services(w)
		return
	}
	type row struct{ library, name, contender string }
	entries := map[row]map[string]Entry{}
	var rows []row
	for _, e := range r.Entries {
		at := row{e.Library, e.Case, e.Contender}
		if entries[at] == nil {
			entries[at] = map[string]Entry{}
			rows = append(rows, at)
		}
		entries[at][e.State] = e
	}
	var lines [][]string
	flush := func() {
		align(w, lines)
		lines = nil
	}
	library, name := "", ""
	for _, at := range rows {
		if at.library != library {
			flush()
			library, name = at.library, ""
			fmt.Fprintf(w, "\n### %s\n\n", library)
			head := []string{"call", "by", "no parent", "unsampled", "sampled", "× by hand", "× gaptrace"}
			lines = append(lines, head, nil)
		}
		title := ""
		if at.name != name {
			name, title = at.name, at.name
		}
		line := []string{title, at.contender}
		for s := range states {
			line = append(line, entries[at][s.String()].cost())
		}
		sampled := entries[at][Sampled.String()]
		lines = append(lines, append(line, times(sampled.ByHand), times(sampled.Ours)))
	}
	flush()
	r.ahead(w)
}

// ahead prints the cases in which a peer costs less than gaptrace.
func (r Result) ahead(w io.Writer) {
	fmt.Fprint(w, "\nPeers that cost less than gaptrace: both bounds of the ratio are below 1. "+
		"If a cost is too small\nfor a ratio, the bounds of the two costs do not overlap.\n\n")
	for s := range states {
		none := true
		for _, our := range r.Entries {
			if our.State != s.String() || our.Contender != ourName {
				continue
			}
			var ahead []string
			for _, e := range r.Entries {
				if e.Case == our.Case && e.Library == our.Library && e.State == our.State &&
					!slices.Contains([]string{rawName, handName, timedName, wovenName}, e.Contender) && e.less(our) {
					ahead = append(ahead, e.Contender+" "+duration(e.Over.Median))
				}
			}
			if ahead != nil {
				none = false
				fmt.Fprintf(w, "- %v, %s %s (%s): %s\n",
					s, our.Library, our.Case, duration(our.Over.Median), strings.Join(ahead, ", "))
			}
		}
		if none {
			fmt.Fprintf(w, "- %v: none\n", s)
		}
	}
}

// less reports whether e costs less than ours. The ratio is more precise than the bounds of the
// costs, because the noise of a round that affects both cancels out.
func (e Entry) less(ours Entry) bool {
	if e.Ours != nil {
		return e.Ours.High < 1
	}
	return e.Over.High < ours.Over.Low
}

func (r Result) services(w io.Writer) {
	lines := [][]string{{
		"service", "requests/s", "of raw", "p99", "CPU per request", "of raw", "allocated per request",
		"GC's share of CPU", "RSS",
	}, nil}
	with := func(format string, s spread) string {
		return fmt.Sprintf(format+" ("+format+"…"+format+")", s.Median, s.Low, s.High)
	}
	for _, l := range r.Services {
		lines = append(lines, []string{
			l.Name, with("%.0f", l.Throughput), with("%.3f", l.OfRaw), with("%.1f", l.P99) + " ms",
			with("%.0f", l.CPU) + " µs", with("%.3f", l.CPUOfRaw),
			bytesOf(l.Bytes.Median), with("%.1f", l.GC) + " %", with("%.1f", l.RSS) + " MB",
		})
	}
	align(w, lines)
}

// cost formats an entry: the cost of the raw call itself, or what a contender adds to it.
func (e Entry) cost() string {
	if e.Contender == rawName {
		return fmt.Sprintf("%s, %s, %s", duration(e.Call.Median), bytesOf(e.Bytes), count(e.Allocs))
	}
	hand := e.Contender == handName || e.Contender == timedName
	if hand && e.Over.Low < 0 && e.Over.High > 0 && math.Abs(e.Allocs) < 0.5 {
		return ""
	}
	text := fmt.Sprintf("%s (%s…%s)", signed(e.Over.Median), short(e.Over.Low), short(e.Over.High))
	if e.Long {
		text += strings.ReplaceAll(fmt.Sprintf(" %+.0f %%", e.Percent.Median), "-", "−")
	}
	return fmt.Sprintf("%s, %s, %s", text, bytesOf(e.Bytes), count(e.Allocs))
}

func times(s *spread) string {
	if s == nil {
		return ""
	}
	return strings.ReplaceAll(fmt.Sprintf("%.2f (%.2f…%.2f)", s.Median, s.Low, s.High), "-", "−")
}

func duration(ns float64) string {
	text := fmt.Sprintf("%.2f ms", ns/1e6)
	switch {
	case math.Abs(ns) < 9_999.5:
		text = fmt.Sprintf("%.0f ns", ns)
	case math.Abs(ns) < 999_950:
		text = fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return strings.ReplaceAll(text, "-", "−")
}

func short(ns float64) string {
	return strings.TrimSuffix(duration(ns), " ns")
}

func signed(ns float64) string {
	if ns < 0 {
		return duration(ns)
	}
	return "+" + duration(ns)
}

func bytesOf(n float64) string {
	if math.Abs(n) < 9_999.5 {
		return strings.ReplaceAll(fmt.Sprintf("%.0f B", n+0), "-", "−")
	}
	return strings.ReplaceAll(fmt.Sprintf("%.1f kB", n/1e3), "-", "−")
}

// count formats a number of allocations. It rounds, because some allocations happen once in many
// calls.
func count(n float64) string {
	return strings.ReplaceAll(strconv.FormatFloat(math.Round(n)+0, 'f', 0, 64), "-", "−")
}

// align prints lines as a table. A nil line is the rule below the head.
func align(w io.Writer, lines [][]string) {
	var widths []int
	for _, line := range lines {
		for i, text := range line {
			if i == len(widths) {
				widths = append(widths, 3)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, line := range lines {
		var b strings.Builder
		for i, width := range widths {
			text := strings.Repeat("-", width)
			if line != nil {
				text = line[i]
			}
			b.WriteString("| " + text + strings.Repeat(" ", width-utf8.RuneCountInString(text)) + " ")
		}
		fmt.Fprintln(w, b.String()+"|")
	}
}
