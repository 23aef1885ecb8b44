package main

import "github.com/gaptrace/gaptrace/gap"

// defaultJoinWindow is how many spans a joiner holds, in about 400 MB.
const defaultJoinWindow = 1_000_000

// joiner joins the parts of a trace: its spans may come in several files, answers of a query
// service, or objects of one file.
//
// It holds up to a number of spans. If more come, it passes on the trace whose first part is the
// oldest, until the rest fits. A part that comes after its trace was passed on becomes a trace of
// its own, which is marked as seen again:
//
//	parts    A B A C | A           at |, A and then B are passed on
//	traces   AA, B, C, A again
//
// A trace id of 64 bits is the same as the one of 128 bits whose right half it is, as in
// [gap.Build]. If the joiner holds several ids of 128 bits with the same right half, the id of 64
// bits is that of another trace.
type joiner struct {
	pass   func(parts [][]gap.Span, again bool)
	most   int // how many spans to hold
	spans  int // how many are held now
	held   map[gap.TraceID]*heldTrace
	wholes map[uint64]*wholeIDs // the ids of 128 bits in held, by their right half
	queue  []*heldTrace         // the oldest first; some may have been passed on with another
	passed idSet                // the traces that were passed on
}

type heldTrace struct {
	id    gap.TraceID
	parts [][]gap.Span // nil if it has been passed on
	again bool         // earlier parts have been passed on
}

// largePart is how many spans of an object are not copied when a joiner adds them to others.
const largePart = 1000

// wholeIDs are ids of 128 bits with the same right half.
type wholeIDs struct {
	id      gap.TraceID // the first of them
	held    int         // the number of traces that are held
	several bool        // there have been several ids, so the half stands for none of them
}

func newJoiner(most int, pass func(parts [][]gap.Span, again bool)) *joiner {
	return &joiner{
		pass: pass, most: most,
		held: map[gap.TraceID]*heldTrace{}, wholes: map[uint64]*wholeIDs{}, passed: newIDSet(maxPassed),
	}
}

// add adds the spans of an object. They may be of several traces. Those without a trace id are a
// trace of their own, which is passed on at once.
func (j *joiner) add(parts [][]gap.Span) {
	var unknown [][]gap.Span
	for _, spans := range parts {
		for len(spans) > 0 {
			id, n := spans[0].TraceID, 1
			for n < len(spans) && spans[n].TraceID == id {
				n++
			}
			if id == (gap.TraceID{}) {
				unknown = append(unknown, spans[:n:n])
			} else {
				j.addPart(id, spans[:n:n])
			}
			spans = spans[n:]
		}
	}
	if len(unknown) > 0 {
		j.pass(unknown, false)
	}
	for j.spans > j.most {
		j.passOldest()
	}
}

func (j *joiner) addPart(id gap.TraceID, spans []gap.Span) {
	j.spans += len(spans)
	if t := j.held[id]; t != nil {
		if last := &t.parts[len(t.parts)-1]; len(spans) < largePart {
			*last = append(*last, spans...) // or a few spans would keep all of their object in memory
		} else {
			t.parts = append(t.parts, spans)
		}
		return
	}
	t := &heldTrace{id: id, parts: [][]gap.Span{spans}, again: j.passed.has(id)}
	j.held[id] = t
	j.queue = append(j.queue, t)
	if id.High == 0 || id.Low == 0 {
		return
	}
	if w := j.wholes[id.Low]; w == nil {
		j.wholes[id.Low] = &wholeIDs{id: id, held: 1}
	} else {
		w.held++
		w.several = w.several || w.id != id
	}
}

// flush passes on all traces.
func (j *joiner) flush() {
	for len(j.queue) > 0 {
		j.passOldest()
	}
}

// passOldest passes on the oldest trace, with all spans of the same id, be it of 64 or of 128 bits.
// It does nothing if they have been passed on already.
func (j *joiner) passOldest() {
	t := j.queue[0]
	j.queue = j.queue[1:]
	if t.parts == nil {
		return
	}
	w := j.wholes[t.id.Low]
	if w == nil || w.several {
		j.pass(j.take(t))
		return
	}
	parts, again := j.take(j.held[w.id])
	if half := j.held[gap.TraceID{Low: t.id.Low}]; half != nil {
		more, halfAgain := j.take(half)
		parts, again = append(parts, more...), again || halfAgain
	}
	j.pass(parts, again)
}

// take removes a trace from those that are held, and remembers that it was passed on.
func (j *joiner) take(t *heldTrace) (parts [][]gap.Span, again bool) {
	delete(j.held, t.id)
	if w := j.wholes[t.id.Low]; w != nil && t.id.High != 0 {
		if w.held--; w.held == 0 {
			delete(j.wholes, t.id.Low)
		}
	}
	j.passed.add(t.id)
	parts, t.parts = t.parts, nil
	for _, spans := range parts {
		j.spans -= len(spans)
	}
	return parts, t.again
}

// maxPassed is how many ids a joiner remembers, in about 30 MB.
const maxPassed = 1_000_000

// idSet remembers the last trace ids that were added, at least half of most. An id of 64 bits is
// the same as one of 128 bits whose right half it is.
type idSet struct {
	most     int
	new, old idTable // if new has half of most, it becomes old, and the old ids are forgotten
}

func newIDSet(most int) idSet { return idSet{most: most, new: newIDTable(), old: newIDTable()} }

func (s *idSet) has(id gap.TraceID) bool { return s.new.has(id) || s.old.has(id) }

func (s *idSet) add(id gap.TraceID) {
	if s.new.add(id); s.new.len() >= s.most/2 {
		s.old, s.new = s.new, newIDTable()
	}
}

// idTable is a set of ids by their right half, so that an id is found by its half, and the reverse.
type idTable struct {
	left map[uint64]uint64        // the left half of the first id with this right half
	more map[gap.TraceID]struct{} // the further ids with this right half
}

func newIDTable() idTable {
	return idTable{left: map[uint64]uint64{}, more: map[gap.TraceID]struct{}{}}
}

func (t *idTable) len() int { return len(t.left) + len(t.more) }

func (t *idTable) has(id gap.TraceID) bool {
	left, known := t.left[id.Low]
	if !known {
		return false
	}
	if left == id.High || left == 0 || id.High == 0 {
		return true
	}
	if _, known = t.more[id]; known {
		return true
	}
	_, known = t.more[gap.TraceID{Low: id.Low}]
	return known
}

func (t *idTable) add(id gap.TraceID) {
	if left, known := t.left[id.Low]; !known {
		t.left[id.Low] = id.High
	} else if left != id.High {
		t.more[id] = struct{}{}
	}
}
