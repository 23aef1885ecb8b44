package gap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// UnmarshalBinary replaces the summary, including By, with one that [Summary.AppendBinary] has
// encoded. It implements [encoding.BinaryUnmarshaler], and keeps no reference to data. If it fails,
// the summary does not change.
//
// The data may be untrusted: it cannot make UnmarshalBinary panic, or allocate much more memory
// than a small multiple of its length.
func (s *Summary) UnmarshalBinary(data []byte) error {
	rest, ok := strings.CutPrefix(string(data), summaryMagic)
	if !ok {
		return errors.New("gap: not a summary")
	}
	d := summaryDecoder{rest: rest, summary: &Summary{}}
	switch version := d.number(); {
	case d.failed:
	case version > summaryVersion:
		return fmt.Errorf("gap: a newer release wrote this summary: its version is %d, this release reads up to %d",
			version, summaryVersion)
	case version == 0:
		d.fail()
	}
	d.summary.By = strings.Clone(d.text())
	for n := d.length(); n > 0 && !d.failed; n-- {
		d.table = append(d.table, d.text())
	}
	for n := d.length(); n > 0 && !d.failed; n-- {
		d.operation()
	}
	if d.failed || d.rest != "" {
		return fmt.Errorf("gap: malformed summary: at byte %d of %d", len(data)-len(d.rest), len(data))
	}
	*s = *d.summary
	return nil
}

// summaryDecoder is the state of Summary.UnmarshalBinary. After a failure all its methods return
// zero values.
type summaryDecoder struct {
	rest    string
	failed  bool
	summary *Summary
	table   []string
}

func (d *summaryDecoder) fail() { d.failed = true }

// check fails unless ok.
func (d *summaryDecoder) check(ok bool) {
	if !ok {
		d.fail()
	}
}

// take returns the next n bytes.
func (d *summaryDecoder) take(n int64) string {
	if d.failed || n > int64(len(d.rest)) {
		d.fail()
		return ""
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

// uvarint returns the next varint.
func (d *summaryDecoder) uvarint() uint64 {
	var buffer [binary.MaxVarintLen64]byte
	x, n := binary.Uvarint(buffer[:copy(buffer[:], d.rest)])
	if n <= 0 {
		d.fail()
		return 0
	}
	d.take(int64(n))
	if d.failed {
		return 0
	}
	return x
}

// number returns the next number, which is not negative.
func (d *summaryDecoder) number() int64 {
	x := d.uvarint()
	if x > math.MaxInt64 {
		d.fail()
		return 0
	}
	return int64(x)
}

// signed returns the next number, which may be negative.
func (d *summaryDecoder) signed() int64 {
	x := d.uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

// length returns a number of things that take at least a byte each.
func (d *summaryDecoder) length() int64 {
	n := d.number()
	if n > int64(len(d.rest)) {
		d.fail()
		return 0
	}
	return n
}

// below returns a byte that is less than most.
func (d *summaryDecoder) below(most int) byte {
	b := d.take(1)
	if d.failed || int(b[0]) >= most {
		d.fail()
		return 0
	}
	return b[0]
}

func (d *summaryDecoder) flag() bool { return d.below(2) == 1 }

func (d *summaryDecoder) text() string { return d.take(d.number()) }

// index returns a string of the table.
func (d *summaryDecoder) index() string {
	i := d.number()
	if d.failed || i >= int64(len(d.table)) {
		d.fail()
		return ""
	}
	return d.table[i]
}

func (d *summaryDecoder) span() (trace TraceID, span SpanID) {
	b := []byte(d.take(24))
	if d.failed {
		return trace, span
	}
	trace = TraceID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
	return trace, SpanID(binary.BigEndian.Uint64(b[16:]))
}

func (d *summaryDecoder) operation() {
	service, name := d.index(), operationName{name: d.index()}
	if name.tagged = d.flag(); name.tagged {
		name.tagValue = d.index()
	}
	count := d.number()
	sums := [4]int64{d.number(), d.number(), d.number(), d.number()}
	trace, span := d.span()
	worst := SpanRef{trace, span, time.Duration(d.number()), d.flag()}
	durations, selfTimes := d.histogram(), d.histogram()
	gaps := d.length()
	if d.check(count > 0 && durations.n == uint64(count) && selfTimes.n == uint64(count)); d.failed {
		return
	}
	o := d.summary.operation(d.summary.service(service), name)
	if d.check(o.Count == 0); d.failed { // it came twice
		return
	}
	o.Worst = worst
	o.add(count, sums[0], measure{sums[1], sums[2], sums[3]})
	o.Durations, o.SelfTimes = durations, selfTimes
	for ; gaps > 0 && !d.failed; gaps-- {
		d.gaps(o)
	}
}

// place returns the number of an operation's name, or zero for no operation.
func (d *summaryDecoder) place() uint32 {
	i := d.number()
	if i == 0 || d.failed || i > int64(len(d.table)) {
		d.check(i == 0)
		return 0
	}
	return d.summary.number(d.table[i-1])
}

func (d *summaryDecoder) gaps(o *operation) {
	key := gapKey{class: Class(d.below(len(classNames))), joined: d.flag(), after: d.place(), before: d.place()}
	count, sum, critical := d.number(), d.number(), d.number()
	trace, span := d.span()
	worst := rawGapRef{trace, span, d.signed(), d.number(), d.number(), d.number(), d.flag()}
	times := d.histogram()
	d.check(count > 0 && times.n == uint64(count) && (!key.joined || key.after != 0 && key.after == key.before))
	if d.check(o.gaps[key] == nil); d.failed { // it came twice
		return
	}
	g := o.addGaps(key, count, sum, critical, &worst)
	g.times = times
	for n := d.length(); n > 0 && !d.failed; n-- {
		d.part(o, g)
	}
}

func (d *summaryDecoder) part(o *operation, g *gapSum) {
	key := partKey{cause: Cause(d.below(256)), proof: Proof(d.below(256))}
	key.frame.Line = int(d.signed())
	for _, text := range key.strings() {
		*text = d.index()
	}
	sum := partSum{d.number(), d.number()}
	if _, twice := g.parts[key]; twice || d.failed {
		d.fail()
		return
	}
	if g.parts == nil {
		g.parts = partSums{}
	}
	g.parts[key.clone()] = sum
	o.explained = true
}

func (d *summaryDecoder) histogram() (h Histogram) {
	n := d.number()
	if n <= aFew {
		last := int64(0)
		for ; n > 0 && !d.failed; n-- {
			more := d.number()
			if d.check(more <= math.MaxInt64-last); !d.failed {
				last += more
				h.addFew(last)
			}
		}
		return h
	}
	h.min = d.number()
	length := d.number()
	d.check(n == aFew+1 && length <= math.MaxInt64-h.min)
	if d.failed {
		return Histogram{}
	}
	h.max = h.min + length
	h.first = bucket(h.min)
	buckets := bucket(h.max) - h.first + 1
	if d.check(buckets <= len(d.rest)); d.failed {
		return Histogram{}
	}
	h.counts = make([]uint64, buckets)
	for i := range h.counts {
		count := d.number()
		h.counts[i] = uint64(count)
		h.n = addCounts(h.n, h.counts[i])
	}
	d.check(h.n > aFew && h.counts[0] > 0 && h.counts[buckets-1] > 0)
	return h
}
