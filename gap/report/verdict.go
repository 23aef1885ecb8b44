package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

var causeNames = [gap.NumCauses]string{
	gap.CauseUnobserved: "not observed",
	gap.CauseCPU:        "CPU",
	gap.CauseRunnable:   "waiting for Go's scheduler",
	gap.CauseNoCPU:      "waiting for a CPU",
	gap.CauseThrottled:  "throttled by the CPU limit",
	gap.CauseGC:         "GC",
	gap.CauseSyscall:    "system call",
	gap.CauseCgo:        "C code",
	gap.CauseNetwork:    "network (unwrapped client)",
	gap.CauseLock:       "lock",
	gap.CauseChannel:    "channel",
	gap.CauseSelect:     "select",
	gap.CauseSleep:      "sleep",
	gap.CauseOther:      "other",
}

// CauseName returns what reports call a cause: "waiting for a CPU". A cause that does not exist is
// "other".
func CauseName(c gap.Cause) string { return causeNames[known(c)] }

// known returns c, or CauseOther for a cause that does not exist.
func known(c gap.Cause) gap.Cause {
	if int(c) >= gap.NumCauses {
		return gap.CauseOther
	}
	return c
}

// Verdict says in words what the program did in the time of some parts:
//
//	CPU, 35.7 of 46.2 ms, at page.go:31; 9.80 ms waiting for a CPU
//
// The parts may be those of a [gap.Explanation], [gap.GapGroup] or [gap.Operation]. The cause that
// took the most time comes first, with the line of the program that has most of it. Other causes
// follow if they took more than 5 % of all the time. The rest is "other", or left out if it is at
// most 2 %.
//
// A wait for a lock names the span that held it. A network wait names the package that would wrap
// the client, and the rule of gaptrace vet that finds it. "CPU (not confirmed)" is the time that Go
// calls running. Verdict returns "" if the parts take no time.
func Verdict(parts []gap.Part) string {
	sums, total := causeSums(parts)
	if total == 0 {
		return ""
	}
	first := sums[0]
	var text strings.Builder
	text.WriteString(first.name() + ", " + share(first.time, total) + first.place(", ") + first.details())
	rest := time.Duration(0)
	for _, s := range sums[1:] {
		if s.time <= total/20 {
			rest += s.time
			continue
		}
		text.WriteString("; " + duration(s.time) + " " + s.name())
		if s.hasPlace() {
			text.WriteString(s.place(" "))
		}
	}
	if rest > total/50 {
		text.WriteString("; " + duration(rest) + " other")
	}
	return text.String()
}

// causeSum is the time of the parts that have the same cause.
type causeSum struct {
	cause       gap.Cause
	time        time.Duration
	unconfirmed time.Duration // the part of it without a Proof
	main        *line
}

// line is the time of the parts that have the same cause and frame.
type line struct {
	time    time.Duration
	longest *gap.Part
}

// better reports whether l says more than other about where their cause was.
func (l *line) better(other *line) bool {
	if unknown := other.longest.Frame == (gap.Frame{}); unknown != (l.longest.Frame == gap.Frame{}) {
		return unknown
	}
	return l.time > other.time
}

// causeSums adds up parts by cause, and orders the sums by time, the longest first. Causes that
// took no time are left out. A sum that overflows is the largest duration.
func causeSums(parts []gap.Part) (sums []causeSum, total time.Duration) {
	var byCause [gap.NumCauses]causeSum
	type place struct {
		cause gap.Cause
		frame gap.Frame
	}
	lines := map[place]*line{}
	for i := range parts {
		p := &parts[i]
		if p.Duration <= 0 {
			continue
		}
		s, at := &byCause[known(p.Cause)], place{known(p.Cause), p.Frame}
		s.time, total = addTimes(s.time, p.Duration), addTimes(total, p.Duration)
		if p.Proof == gap.Unconfirmed {
			s.unconfirmed = addTimes(s.unconfirmed, p.Duration)
		}
		l := lines[at]
		if l == nil {
			l = &line{longest: p}
			lines[at] = l
		}
		if l.time = addTimes(l.time, p.Duration); p.Duration > l.longest.Duration {
			l.longest = p
		}
	}
	for i := range parts { // in order, so that the choice between equal lines does not vary
		if p := &parts[i]; p.Duration > 0 {
			s, l := &byCause[known(p.Cause)], lines[place{known(p.Cause), p.Frame}]
			if s.main == nil || l.better(s.main) {
				s.main = l
			}
		}
	}
	for c, s := range byCause {
		if s.time > 0 {
			s.cause = gap.Cause(c)
			sums = append(sums, s)
		}
	}
	slices.SortStableFunc(sums, func(a, b causeSum) int { return cmp.Compare(b.time, a.time) })
	return sums, total
}

// addTimes adds two durations that are not negative. A sum that overflows is the largest duration.
func addTimes(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// name returns the cause in words, with its client, system call or reason.
func (s *causeSum) name() string {
	name, e := causeNames[s.cause], s.main.longest.Evidence
	switch {
	case s.cause == gap.CauseCPU && s.unconfirmed > s.time/2:
		name += " (not confirmed)"
	case s.cause == gap.CauseCPU && s.unconfirmed > s.time/20:
		name += " (" + duration(s.unconfirmed) + " of it not confirmed)"
	case s.cause == gap.CauseNetwork && e.Client != "":
		name = "network (unwrapped client " + printable.Name(e.Client) + ")"
	case s.cause == gap.CauseSyscall && e.Reason != "":
		name += " " + printable.Name(e.Reason)
	case s.cause == gap.CauseOther && reason(s.main.longest) != "":
		name += ": " + printable.Name(reason(s.main.longest))
	}
	return name
}

// reason returns what a wait was, or the number of a cause that does not exist.
func reason(p *gap.Part) string {
	if known(p.Cause) != p.Cause {
		return p.Cause.String()
	}
	return p.Reason
}

// hasPlace reports whether the line of the program matters. A goroutine waits for a CPU, or for the
// garbage collector, wherever it happens to be.
func (s *causeSum) hasPlace() bool { return s.cause == gap.CauseCPU || s.cause >= gap.CauseSyscall }

// place says where in the program it was: "at page.go:31" after the separator, or how much of it if
// that line has less than four fifths: ", 5.00 ms of it at page.go:31".
func (s *causeSum) place(separator string) string {
	at := printable.Name(s.main.longest.Frame.String())
	switch {
	case at == "":
		return ""
	case s.main.time < s.time/5*4:
		return ", " + duration(s.main.time) + " of it at " + at
	}
	return separator + "at " + at
}

// details says who held a lock, or how to wrap a client.
func (s *causeSum) details() (text string) {
	if by := holder(s.main.longest); by != "" {
		text = ", " + by
	}
	if advice := advice(s.main.longest); s.cause == gap.CauseNetwork && advice != "" {
		text += ": " + advice
	}
	return text
}

// advice says how to wrap a client, and which rule of gaptrace vet finds it: "wrap it with
// contrib/nethttp (GT101)".
func advice(p *gap.Part) (text string) {
	switch {
	case p.Wrapper != "":
		text = "wrap it with " + wrapper(p.Wrapper)
	case p.Rule != "":
		text = "no wrapper covers it"
	default:
		return ""
	}
	if p.Rule != "" {
		text += " (" + printable.Name(p.Rule) + ")"
	}
	return text
}

// holder says which span a part waited for: "held by HTTP GET /cart (trace 00000000000000ab)".
func holder(p *gap.Part) string {
	by := p.HeldBy
	if by == (gap.Holder{}) {
		return ""
	}
	verb := "woken by "
	if p.Cause == gap.CauseLock {
		verb = "held by "
	}
	return verb + cmp.Or(printable.Name(by.Operation), printable.Name(by.Service), "span "+by.SpanID.String()) +
		" (trace " + by.TraceID.String() + ")"
}

// wrapper shortens the import path of a wrapper of this module: "contrib/nethttp".
func wrapper(path string) string {
	return printable.Name(strings.TrimPrefix(path, "github.com/gaptrace/gaptrace/"))
}

// share formats a part of a time: "35.7 of 46.2 ms", or "all 46.2 ms".
func share(part, total time.Duration) string {
	a, b := duration(part), duration(total)
	if a == b {
		return "all " + b
	}
	number, unit, _ := strings.Cut(a, " ")
	if strings.HasSuffix(b, " "+unit) {
		a = number
	}
	return a + " of " + b
}
