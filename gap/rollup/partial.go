package rollup

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Options say how traces are analyzed. Partials can be merged only if By and MaxSkew are the same.
type Options struct {
	By      string        // the key of a tag that splits operations, see gap.Summary.By; an Encoder has to keep it
	MaxSkew time.Duration // see gap.WithMaxSkew
	Window  Window        // selects the traces to add
}

// Partial is a summary of any number of traces. Make one with [NewPartial]. Partials of different
// traces can be merged.
type Partial struct {
	Summary    gap.Summary
	MaxSkew    time.Duration // as in Options, but never zero; -1 if clocks are not corrected
	Traces     int64
	Spans      int64
	Incomplete int64                     // traces that lack spans, see gap.Trace.Incomplete
	Moved      int64                     // spans that gap.Build moved to correct a clock
	Warnings   map[gap.WarningCode]int64 // of gap.Build
}

// NewPartial returns a [Partial] without traces.
func NewPartial(o Options) *Partial {
	return &Partial{
		Summary:  gap.Summary{By: o.By},
		MaxSkew:  max(-1, cmp.Or(o.MaxSkew, gap.DefaultMaxSkew)),
		Warnings: map[gap.WarningCode]int64{},
	}
}

// Fold returns the partial of the traces in sorted rows that are in the window. See [Traces] for
// errors.
func Fold(rows io.Reader, o Options) (*Partial, error) {
	p := NewPartial(o)
	for spans, err := range Traces(rows) {
		if err != nil {
			return nil, err
		}
		if !o.Window.Contains(spans) {
			continue
		}
		p.Add(gap.Build(spans, gap.WithMaxSkew(p.MaxSkew)))
	}
	return p, nil
}

// Add adds a trace with the warnings of [gap.Build]. An empty trace is ignored.
func (p *Partial) Add(t *gap.Trace, warnings []gap.Warning) {
	if t.Len() == 0 {
		return
	}
	incomplete, moved := int64(0), int64(0)
	if t.Incomplete() {
		incomplete = 1
	}
	for n := range t.Nodes() {
		if n.Moved() != 0 {
			moved++
		}
	}
	p.addCounts(1, int64(t.Len()), incomplete, moved)
	for _, w := range warnings {
		p.Warnings[w.Code] = addSaturating(p.Warnings[w.Code], 1+int64(w.More))
	}
	p.Summary.Add(t)
}

// Merge adds the traces of other, which does not change. It fails if the two were made with
// different [Options].
func (p *Partial) Merge(other *Partial) error {
	if a, b := p.Summary.By, other.Summary.By; a != b {
		return fmt.Errorf("partials do not match: one splits operations by the tag %q, another by %q", a, b)
	}
	if a, b := p.MaxSkew, other.MaxSkew; a != b {
		return fmt.Errorf("partials do not match: one corrects clocks by at most %v, another by %v",
			max(a, 0), max(b, 0))
	}
	p.Summary.Merge(&other.Summary)
	p.addCounts(other.Traces, other.Spans, other.Incomplete, other.Moved)
	for code, n := range other.Warnings {
		p.Warnings[code] = addSaturating(p.Warnings[code], n)
	}
	return nil
}

func (p *Partial) addCounts(traces, spans, incomplete, moved int64) {
	p.Traces = addSaturating(p.Traces, traces)
	p.Spans = addSaturating(p.Spans, spans)
	p.Incomplete = addSaturating(p.Incomplete, incomplete)
	p.Moved = addSaturating(p.Moved, moved)
}

// addSaturating adds two counts. Those of an untrusted partial may overflow.
func addSaturating(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// The binary form of a Partial:
//
//	"gaproll", version, MaxSkew, traces, spans, incomplete, moved,
//	number of warning codes, each with its length and count, length of the summary, summary, CRC-32
const (
	partialMagic   = "gaproll"
	partialVersion = 1
)

// AppendBinary appends the partial in a binary form to b. It implements [encoding.BinaryAppender],
// and never fails. Equal partials have equal bytes. The form has a version and a checksum.
func (p *Partial) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	b = append(b, partialMagic...)
	b = binary.AppendUvarint(b, partialVersion)
	b = binary.AppendVarint(b, int64(p.MaxSkew))
	for _, n := range []int64{p.Traces, p.Spans, p.Incomplete, p.Moved, int64(len(p.Warnings))} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, code := range slices.Sorted(maps.Keys(p.Warnings)) {
		b = binary.AppendUvarint(b, uint64(len(code)))
		b = append(b, code...)
		b = binary.AppendUvarint(b, uint64(p.Warnings[code]))
	}
	summary, err := p.Summary.MarshalBinary()
	if err != nil {
		return nil, err
	}
	b = binary.AppendUvarint(b, uint64(len(summary)))
	b = append(b, summary...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:])), nil
}

// MarshalBinary returns the partial in the form of [Partial.AppendBinary].
func (p *Partial) MarshalBinary() ([]byte, error) { return p.AppendBinary(nil) }

var errDamaged = errors.New("damaged or truncated partial")

// UnmarshalBinary replaces the partial with one that [Partial.AppendBinary] has encoded. It
// implements [encoding.BinaryUnmarshaler]. If it fails, the partial does not change. The data may
// be untrusted, see [gap.Summary.UnmarshalBinary].
func (p *Partial) UnmarshalBinary(data []byte) error {
	rest, ok := bytes.CutPrefix(data, []byte(partialMagic))
	if !ok {
		return errNotPartial
	}
	version, n := binary.Uvarint(rest)
	switch {
	case n <= 0 || version == 0 || len(rest) < n+crc32.Size:
		return errDamaged
	case version > partialVersion:
		return fmt.Errorf("a newer release wrote this partial: its version is %d, this release reads up to %d",
			version, partialVersion)
	}
	body, sum := data[:len(data)-crc32.Size], data[len(data)-crc32.Size:]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(sum) {
		return errDamaged
	}
	d := partialDecoder{rest: rest[n : len(rest)-crc32.Size]}
	decoded := Partial{MaxSkew: time.Duration(d.signed()), Warnings: map[gap.WarningCode]int64{}}
	for _, to := range []*int64{&decoded.Traces, &decoded.Spans, &decoded.Incomplete, &decoded.Moved} {
		*to = d.count()
	}
	for codes := d.count(); codes > 0 && !d.failed; codes-- {
		code := gap.WarningCode(d.bytes())
		decoded.Warnings[code] = d.count()
	}
	summary := d.bytes()
	if d.failed || len(d.rest) > 0 || decoded.MaxSkew == 0 || decoded.MaxSkew < -1 {
		return errDamaged
	}
	if err := decoded.Summary.UnmarshalBinary(summary); err != nil {
		return err
	}
	*p = decoded
	return nil
}

// partialDecoder is the state of Partial.UnmarshalBinary.
type partialDecoder struct {
	rest   []byte
	failed bool
}

func (d *partialDecoder) count() int64 {
	x, n := binary.Uvarint(d.rest)
	if n <= 0 || x > math.MaxInt64 {
		d.failed = true
		return 0
	}
	d.rest = d.rest[n:]
	return int64(x)
}

func (d *partialDecoder) signed() int64 {
	x, n := binary.Varint(d.rest)
	if n <= 0 {
		d.failed = true
		return 0
	}
	d.rest = d.rest[n:]
	return x
}

func (d *partialDecoder) bytes() []byte {
	n := d.count()
	if d.failed || n > int64(len(d.rest)) {
		d.failed = true
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

// textPrefix begins the text form, and every file of partials.
const textPrefix = "gaptrace-partial:"

var errNotPartial = errors.New("not a partial, as gaptrace rollup fold writes it")

// AppendText appends the partial as one line of text without its new line, since programs that
// distribute data keep lines rather than bytes. It implements [encoding.TextAppender], and never
// fails.
func (p *Partial) AppendText(b []byte) ([]byte, error) {
	encoded, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return base64.RawStdEncoding.AppendEncode(append(b, textPrefix...), encoded), nil
}

// MarshalText returns the partial in the form of [Partial.AppendText].
func (p *Partial) MarshalText() ([]byte, error) { return p.AppendText(nil) }

// UnmarshalText replaces the partial with one that [Partial.AppendText] has encoded. Otherwise it
// works as UnmarshalBinary does.
func (p *Partial) UnmarshalText(text []byte) error {
	encoded, ok := bytes.CutPrefix(bytes.TrimSpace(text), []byte(textPrefix))
	if !ok {
		return errNotPartial
	}
	data, err := base64.RawStdEncoding.AppendDecode(nil, encoded)
	if err != nil {
		return errDamaged
	}
	return p.UnmarshalBinary(data)
}

// Partials yields the partials of a text, one on each line. An error ends the iteration; it is a
// [*RowError] unless reading fails.
func Partials(r io.Reader) iter.Seq2[*Partial, error] {
	return func(yield func(*Partial, error) bool) {
		lines := bufio.NewReaderSize(r, readBuffer)
		for n := int64(1); ; n++ {
			switch head, err := lines.Peek(len(textPrefix)); {
			case err != nil && err != io.EOF:
				yield(nil, err)
				return
			case len(head) == 0:
				return
			case string(head) != textPrefix: // so that a long line of something else is not read
				yield(nil, &RowError{n, errNotPartial})
				return
			}
			line, err := lines.ReadBytes('\n')
			if err != nil && err != io.EOF {
				yield(nil, err)
				return
			}
			p := new(Partial)
			if err := p.UnmarshalText(line); err != nil {
				yield(nil, &RowError{n, err})
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}
