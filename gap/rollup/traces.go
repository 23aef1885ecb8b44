package rollup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gaptrace/gaptrace/gap"
)

// RowError says which row or partial cannot be read, and why.
type RowError struct {
	Line int64 // from 1
	Err  error
}

// Error returns one line.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns Err.
func (e *RowError) Unwrap() error { return e.Err }

// UnsortedError is the error of rows that are not sorted by their key.
type UnsortedError struct{ Key, Before string }

// Error says how to sort the rows.
func (e *UnsortedError) Error() string {
	return fmt.Sprintf("key %s comes after %s: sort the rows by their first column, as in LC_ALL=C sort",
		e.Key, e.Before)
}

// Traces yields the traces of sorted rows, each with all its spans. An error ends the iteration; it
// is a [*RowError] unless reading fails. The spans, their references and tags are valid until the
// next iteration. Names and processes stay valid.
//
// A span with a trace ID of 64 bits is in the trace whose ID of 128 bits has this right half, if
// the rows have only one such trace.
func Traces(r io.Reader) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		g := grouper{yield: yield, decoder: newDecoder()}
		if err := g.read(r); err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

var errStopped = errors.New("stopped")

// grouper puts together the rows of a trace. The rows of a right half come together, those without
// a left half first:
//
//	keys      R0 R1      R2      S1 S2 S3
//	traces    R0+R1      R2      S1, S2, S3     if the rows have R0 and R1
//	          R0, R1, R2                        if they have R0, R1 and R2
type grouper struct {
	yield   func([]gap.Span, error) bool
	decoder *decoder
	last    key
	half    []gap.Span // of the IDs of 64 bits with the current right half
	whole   []gap.Span // of the current ID of 128 bits
	several bool       // there have been several IDs of 128 bits with this right half
}

const readBuffer = 64 << 10

func (g *grouper) read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, readBuffer)
	var long []byte // a row that is longer than the buffer
	for n := int64(1); ; n++ {
		line, err := lines.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			long = append(long[:0], line...)
			for err == bufio.ErrBufferFull && len(long) <= maxRow {
				line, err = lines.ReadSlice('\n')
				long = append(long, line...)
			}
			line = long
		}
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return err
		}
		if len(line) == 0 {
			return g.pass(true)
		}
		if rowErr := g.row(line); rowErr != nil {
			if rowErr == errStopped {
				return rowErr
			}
			return &RowError{n, rowErr}
		}
		if cap(long) > 1<<20 {
			long = nil
		}
	}
}

// row adds a row. It first passes on the traces that are complete.
func (g *grouper) row(line []byte) error {
	if len(line) > maxRow {
		return fmt.Errorf("longer than %d bytes", maxRow)
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	k, rest, err := parseKey(line)
	if err != nil {
		return err
	}
	if k != g.last {
		if k.less(g.last) {
			return &UnsortedError{k.String(), g.last.String()}
		}
		if err := g.next(k); err != nil {
			return err
		}
		g.last = k
	}
	span, err := g.decoder.span(k, rest)
	switch {
	case err != nil:
		return err
	case k.left == 0 || k.right == 0:
		g.half = append(g.half, span)
	default:
		g.whole = append(g.whole, span)
	}
	return nil
}

// next passes on what is complete before the first row with key k.
func (g *grouper) next(k key) error {
	switch {
	case k.right != g.last.right || k.right == 0: // IDs without a right half have nothing to share
		return g.pass(true)
	case g.last.left == 0:
		return nil
	}
	g.several = true
	return g.pass(false)
}

// pass passes on the traces. The spans in half and whole are of one trace if whole was the only ID
// of 128 bits with this right half. ended says that no more rows have this right half.
func (g *grouper) pass(ended bool) error {
	all := g.whole
	switch {
	case g.several || !ended:
		if len(g.half) > 0 && !g.yield(g.half, nil) {
			return errStopped
		}
	case len(all) == 0:
		all = g.half
	case len(g.half) > 0:
		all = append(all, g.half...)
		g.whole = all
	}
	if len(all) > 0 && !g.yield(all, nil) {
		return errStopped
	}
	g.half, g.whole = reuse(g.half), reuse(g.whole)
	g.decoder.reset()
	if ended {
		g.several = false
	}
	return nil
}

// reuse empties a slice. A large trace does not hold its spans for ever.
func reuse(spans []gap.Span) []gap.Span {
	if cap(spans) > 1<<14 {
		return nil
	}
	clear(spans)
	return spans[:0]
}
