package gap

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cause is what a program did in a part of a gap.
type Cause uint8

// The causes. Package explain finds them in the execution trace of the Go runtime.
const (
	CauseUnobserved Cause = iota // nothing recorded says what happened
	CauseCPU                     // it ran on a CPU
	CauseRunnable                // it was ready to run, but Go's scheduler had no P for it
	CauseNoCPU                   // it was running, as Go sees it, but the kernel gave its thread no CPU
	CauseThrottled               // the same, because the container had used up its CPU limit
	CauseGC                      // it helped or waited for the garbage collector
	CauseSyscall                 // it was in a system call
	CauseCgo                     // it was in C code
	CauseNetwork                 // it waited for a client that no wrapper covers
	CauseLock                    // it waited for a Mutex, RWMutex, WaitGroup or Cond
	CauseChannel                 // it waited to send to or receive from a channel
	CauseSelect                  // it waited in a select
	CauseSleep                   // it slept
	CauseOther                   // it waited for something else, see [Evidence.Reason]
)

// NumCauses is the number of causes.
const NumCauses = int(CauseOther) + 1

var causeNames = [NumCauses]string{
	CauseUnobserved: "unobserved", CauseCPU: "cpu", CauseRunnable: "runnable", CauseNoCPU: "no cpu",
	CauseThrottled: "throttled", CauseGC: "gc", CauseSyscall: "syscall", CauseCgo: "cgo", CauseNetwork: "network",
	CauseLock: "lock", CauseChannel: "channel", CauseSelect: "select", CauseSleep: "sleep", CauseOther: "other",
}

// String returns the cause as reports have it: "cpu", "no cpu", "lock".
func (c Cause) String() string {
	if int(c) >= NumCauses {
		return fmt.Sprintf("cause %d", uint8(c))
	}
	return causeNames[c]
}

// Explanation says what the program did in a gap.
type Explanation struct {
	Parts []Part // the longest first; together they are as long as [Gap.Time]

	// Moments say when each part was, ordered by time. They do not overlap, and lie inside the gap.
	// They are nil if the times are unknown, as for joined time.
	Moments []Moment
}

// Part is all the time of a gap that has the same cause and evidence.
type Part struct {
	Cause    Cause
	Duration time.Duration
	Evidence
}

// Moment is an interval of a gap, half-open.
type Moment struct {
	Start, End time.Time // in UTC
	Part       int       // index into [Explanation.Parts]
}

// Evidence is what is known about a part of a gap. Each field may be zero.
type Evidence struct {
	Frame     Frame  // the line of the program that matters
	Reason    string // what the runtime calls a wait, the function of a system call, or why time is unobserved
	Client    string // for CauseNetwork: the import path of the client library
	Wrapper   string // the import path of the package that wraps Client, or else what Client calls
	Rule      string // the rule of gaptrace vet that finds Client, such as "GT101"
	HeldBy    Holder // for a wait: the span that held the lock, or whose goroutine ended the wait
	Goroutine uint64 // the goroutine that did it, if it is not the span's own
	Proof     Proof  // for CauseCPU, CauseNoCPU and CauseThrottled
	Samples   int    // for CauseCPU: the goroutine's samples of a CPU profile in the gap
}

// Frame is a line of the program.
type Frame struct {
	Function string // with its import path
	File     string // with its folder
	Line     int
}

// String returns the base name of the file and the line: "page.go:31". It returns "" for the zero
// Frame.
func (f Frame) String() string {
	if f == (Frame{}) {
		return ""
	}
	return f.File[strings.LastIndexAny(f.File, `/\`)+1:] + ":" + strconv.Itoa(f.Line)
}

// Holder identifies the span that another one waited for.
type Holder struct {
	TraceID            TraceID
	SpanID             SpanID
	Service, Operation string
}

// Proof says how it is known that the program ran on a CPU, or did not.
type Proof uint8

// The proofs. Without a proof, the time is what Go calls running. It includes time without a CPU.
const (
	Unconfirmed Proof = iota
	ByClock           // the kernel's CPU clock of the thread
	BySamples         // samples of a CPU profile
)

var proofNames = [...]string{Unconfirmed: "unconfirmed", ByClock: "clock", BySamples: "samples"}

// String returns "clock", "samples" or "unconfirmed".
func (p Proof) String() string {
	if int(p) >= len(proofNames) {
		return fmt.Sprintf("proof %d", uint8(p))
	}
	return proofNames[p]
}

// Causes returns how long each cause lasted, by [Cause].
func (e *Explanation) Causes() (sums [NumCauses]time.Duration) {
	return Causes(e.Parts)
}

// Causes adds up parts by their [Cause]. It leaves out causes that do not exist. A negative
// duration counts as zero, and a sum that overflows is the largest [time.Duration].
func Causes(parts []Part) (sums [NumCauses]time.Duration) {
	for i := range parts {
		if c := parts[i].Cause; int(c) < NumCauses {
			sums[c] = time.Duration(addSaturating(int64(sums[c]), max(0, int64(parts[i].Duration))))
		}
	}
	return sums
}

// Explained returns a copy of the trace whose gaps have the explanations that explain returns. It
// calls explain for each gap of each span. A gap has no explanation if explain returns nil. The
// nodes of the copy are not those of t.
func (t *Trace) Explained(explain func(Gap) *Explanation) *Trace {
	copied := *t
	copied.explanations = map[gapID]*Explanation{}
	for g := range t.Gaps(0) {
		if e := explain(g); e != nil {
			copied.explanations[g.id()] = e
		}
	}
	return &copied
}

// HasExplanations reports whether a gap of the trace has an [Explanation].
func (t *Trace) HasExplanations() bool { return len(t.explanations) > 0 }

// gapID identifies a gap of a trace.
type gapID struct {
	node, call int32 // the call of joined time, or none
	start      int64
}

func (g Gap) id() gapID {
	if g.Joined() {
		return gapID{g.Node.i, g.Call.i, g.Start.UnixNano()}
	}
	return gapID{g.Node.i, none, g.Start.UnixNano()}
}

// partKey is what the parts that a [Summary] adds up have in common.
type partKey struct {
	cause           Cause
	frame           Frame
	reason          string
	client, wrapper string
	rule            string
	proof           Proof
}

func (p *Part) key() partKey {
	return partKey{p.Cause, p.Frame, p.Reason, p.Client, p.Wrapper, p.Rule, p.Proof}
}

// partSum is what a [Summary] holds for a partKey.
type partSum struct{ time, samples int64 }

func (s partSum) plus(time, samples int64) partSum {
	return partSum{addSaturating(s.time, time), addSaturating(s.samples, samples)}
}

// partSums holds the sums by partKey. It is nil if no gap was explained, so that traces without
// explanations pay nothing.
type partSums map[partKey]partSum

// add adds the parts of an explanation. A negative number would make sums that depend on the order,
// so it counts as zero.
func (sums *partSums) add(e *Explanation) {
	if *sums == nil {
		*sums = partSums{}
	}
	for i := range e.Parts {
		p := &e.Parts[i]
		key := p.key()
		sum, known := (*sums)[key]
		if !known { // without a copy the sum would keep the whole execution trace in memory
			key = key.clone()
		}
		(*sums)[key] = sum.plus(max(0, int64(p.Duration)), max(0, int64(p.Samples)))
	}
}

func (k partKey) clone() partKey {
	for _, s := range k.strings() {
		*s = strings.Clone(*s)
	}
	return k
}

// strings returns all strings of the key.
func (k *partKey) strings() [6]*string {
	return [...]*string{&k.frame.Function, &k.frame.File, &k.reason, &k.client, &k.wrapper, &k.rule}
}

func (k partKey) compare(other partKey) int {
	c := cmp.Or(
		cmp.Compare(k.cause, other.cause), cmp.Compare(k.proof, other.proof),
		cmp.Compare(k.frame.Line, other.frame.Line),
	)
	theirs := other.strings()
	for i, s := range k.strings() {
		c = cmp.Or(c, cmp.Compare(*s, *theirs[i]))
	}
	return c
}

// merge adds other sums.
func (sums *partSums) merge(other partSums) {
	if *sums == nil && other != nil {
		*sums = partSums{}
	}
	for key, sum := range other {
		(*sums)[key] = (*sums)[key].plus(sum.time, sum.samples)
	}
}

// export returns the parts, the longest first.
func (sums partSums) export() []Part {
	var parts []Part
	for k, sum := range sums {
		parts = append(parts, Part{Cause: k.cause, Duration: time.Duration(sum.time), Evidence: Evidence{
			Frame: k.frame, Reason: k.reason, Client: k.client, Wrapper: k.wrapper, Rule: k.rule,
			Proof: k.proof, Samples: int(min(sum.samples, math.MaxInt)),
		}})
	}
	slices.SortFunc(parts, compareParts)
	return parts
}

func compareParts(a, b Part) int {
	return cmp.Or(
		cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.Cause, b.Cause),
		cmp.Compare(a.Frame.File, b.Frame.File), cmp.Compare(a.Frame.Line, b.Frame.Line),
		cmp.Compare(a.Frame.Function, b.Frame.Function), cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Client, b.Client), cmp.Compare(a.Wrapper, b.Wrapper), cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Proof, b.Proof),
	)
}
