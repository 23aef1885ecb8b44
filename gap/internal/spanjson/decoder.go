// Package spanjson decodes what the JSON formats of spans have in common: ids, times, and tags.
package spanjson

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"hash/maphash"
	"io"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/jsonscan"
	"github.com/gaptrace/gaptrace/gap/read"
)

// Decoder reads the values of a format. A time that is not a number does not end reading; its error
// is kept.
type Decoder struct {
	jsonscan.Scanner
	*read.Config
	Fields *Slab[gap.Field] // where tags are allocated; with its own, a trace does not hold the memory of another

	texts      map[string]any // the cache of Intern
	tagTexts   [1024]tagText  // by the hash of the text
	seed       maphash.Seed
	traceText  []byte // the last id of a trace
	trace      gap.TraceID
	noTime     *jsonscan.Error // the first value that is not a time
	noTimes    int             // the number of such values
	compressed bool
}

// New returns a decoder of r, which may be compressed by gzip.
func New(r io.Reader, c *read.Config) *Decoder {
	d := &Decoder{Config: c, Fields: &Slab[gap.Field]{}, texts: map[string]any{}, seed: maphash.MakeSeed()}
	source := bufio.NewReader(r)
	d.Source = source
	magic, _ := source.Peek(2)
	if d.compressed = bytes.Equal(magic, []byte{0x1f, 0x8b}); d.compressed {
		if unzipped, err := gzip.NewReader(source); err != nil {
			d.End = err
		} else {
			d.Source = unzipped
		}
	}
	if c.MaxBytes > 0 {
		d.Source = &boundedReader{r: d.Source, left: c.MaxBytes, max: c.MaxBytes}
	}
	return d
}

// Documents calls f for each document of the input, until an error. It also calls f once for an
// empty input, so that f reports what was expected.
func (d *Decoder) Documents(f func()) {
	for n := 0; d.Err == nil; n++ {
		if d.Peek() == 0xef { // a byte order mark; it may also be between concatenated files
			d.Literal("\uFEFF")
		}
		d.Peek()
		if !d.More() && n > 0 && d.End == io.EOF {
			return
		}
		f()
	}
}

// Errors returns the error that ended reading, and one for the values that are not times.
func (d *Decoder) Errors() (errs []error) {
	if e, ok := errors.AsType[*jsonscan.Error](d.Err); ok {
		errs = append(errs, d.ReadError(e, 0))
	}
	if d.noTime != nil {
		errs = append(errs, d.ReadError(d.noTime, d.noTimes-1))
	}
	return errs
}

// ReadError returns the error e as callers see it. more is how many others like it there are.
func (d *Decoder) ReadError(e *jsonscan.Error, more int) *read.Error {
	return &read.Error{
		Name: d.Name, Offset: e.Offset, Decompressed: d.compressed,
		Expected: e.Expected, Found: e.Found, More: more, Err: e.Err,
	}
}

// boundedReader reads at most max bytes from r. It fails with a TooLargeError if r has more. It
// repeats an error: a bufio.Reader forgets one that it has returned.
type boundedReader struct {
	r         io.Reader
	left, max int64
	err       error
}

func (b *boundedReader) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	n, b.err = b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, b.err = n+int(b.left), read.TooLargeError(b.max)
	}
	return n, b.err
}
