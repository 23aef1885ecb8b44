package explain

import (
	"sort"

	"github.com/gaptrace/gaptrace/gap"
	"golang.org/x/exp/trace"
)

// state is the state of a goroutine in the execution trace. Running for the garbage collector is a
// state of its own.
type state uint8

const (
	undetermined state = iota
	running
	collecting // running, but for the garbage collector: assist or sweep
	runnable
	waiting
	inSyscall
	ended
)

// piece is a goroutine's time in one state. It ends where the goroutine's next piece starts.
type piece struct {
	start  trace.Time
	waker  trace.GoID // of a wait: the goroutine that ended it, or trace.NoGoroutine
	stack  uint32     // of a wait or system call: where; of running that was preempted: where
	thread int32      // of running and system calls: index into reader.threads, or none
	state  state
	reason uint8 // index into reader.reasons
}

const none = -1

// goroutine is the history of a goroutine, the oldest piece first.
type goroutine struct {
	id       trace.GoID
	creator  trace.GoID // trace.NoGoroutine if the goroutine is older than the recording
	created  trace.Time
	pieces   []piece
	gc       bool     // in an assist or sweep
	samples  []sample // of a CPU profile
	goneFrom trace.Time
	woke     wakeUp     // the last one, by this goroutine, of a goroutine that waited to send
	works    []*span    // the last ones that it worked for and finished, one of each trace, the oldest first
	marks    []lastMark // the last of each trace that it finished, the oldest first
}

// lastMark is when a goroutine finished a span of a trace.
type lastMark struct {
	trace gap.TraceID
	at    trace.Time
}

// finished notes that the goroutine finished a span for which it worked. Of the spans of a trace
// the last one is the outermost.
func (g *goroutine) finished(s *span) {
	const most = 16
	n := len(g.works)
	if n > 0 && g.works[n-1].TraceID == s.TraceID {
		g.works[n-1] = s
		return
	}
	if n == most {
		g.works = append(g.works[:0], g.works[1:]...)
	}
	g.works = append(g.works, s)
}

// marked notes that the goroutine finished a span.
func (g *goroutine) marked(id gap.TraceID, at trace.Time) {
	n := len(g.marks)
	if n > 0 && g.marks[n-1].trace == id {
		g.marks[n-1].at = at
		return
	}
	if n == 2 {
		g.marks = append(g.marks[:0], g.marks[1:]...)
	}
	g.marks = append(g.marks, lastMark{id, at})
}

// wakeUp is a goroutine that was made ready to run.
type wakeUp struct {
	goroutine trace.GoID
	at        trace.Time
}

// sample is a sample of a CPU profile.
type sample struct {
	at    trace.Time
	stack uint32
}

func (g *goroutine) last() *piece {
	if len(g.pieces) == 0 {
		return nil
	}
	return &g.pieces[len(g.pieces)-1]
}

// between returns the pieces that overlap the interval.
func (g *goroutine) between(start, end trace.Time) []piece {
	i := max(0, sort.Search(len(g.pieces), func(i int) bool { return g.pieces[i].start > start })-1)
	j := i
	for j < len(g.pieces) && g.pieces[j].start < end {
		j++
	}
	return g.pieces[i:j]
}

// forget drops the pieces and samples that end before a time. It returns the number of pieces.
func (g *goroutine) forget(before trace.Time) (dropped int) {
	for dropped+1 < len(g.pieces) && g.pieces[dropped+1].start <= before {
		dropped++
	}
	if dropped > 0 {
		g.pieces = shrunk(g.pieces[dropped:])
	}
	old := 0
	for old < len(g.samples) && g.samples[old].at < before {
		old++
	}
	if old > 0 {
		g.samples = shrunk(g.samples[old:])
	}
	return dropped
}

// shrunk copies a slice, so that what came before it can be collected.
func shrunk[T any](s []T) []T { return append(make([]T, 0, len(s)+len(s)/4), s...) }
