package input

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/gap/zipkinjson"
)

// Read reads the spans in r, in any format that [Formats] names. It yields what the reader of the
// format yields. If r has another format, Read yields an [*Unknown].
//
// [read.WithMaxBytes] bounds r after decompression; the default is no bound. Iterate over the
// result once, since r can be read only once.
func Read(r io.Reader, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		c := read.NewConfig(opts, -1)
		in, compressed, err := unpack(bufio.NewReaderSize(r, 64<<10), c.MaxBytes)
		if err != nil {
			yield(nil, &read.Error{Name: c.Name, Err: err})
			return
		}
		in, converted := fromUTF16(in)
		reader, text, err := open(in)
		if unknown, ok := errors.AsType[*Unknown](err); ok {
			if unknown.Name = c.Name; compressed {
				unknown.Found = "compressed, and its content is " + unknown.Found
			}
			yield(nil, unknown)
			return
		}
		for spans, err := range reader(text, opts...) {
			if e, ok := errors.AsType[*read.Error](err); ok {
				if e.Decompressed = e.Decompressed || compressed; converted {
					err = fmt.Errorf("%w (bytes are those of the text in UTF-8)", err)
				}
			}
			if !yield(spans, err) {
				return
			}
		}
	}
}

// reader reads the spans of one format.
type reader = func(r io.Reader, opts ...read.Option) iter.Seq2[[]gap.Span, error]

// open returns the reader for the format of in, and the whole of in.
func open(in *bufio.Reader) (reader, io.Reader, error) {
	head, err := in.Peek(headLength)
	if len(head) == 0 && err != io.EOF { // the reader reports the error
		return jaegerjson.Read, in, nil
	}
	f, unknown := binaryOrText(head)
	if unknown != nil {
		return nil, nil, unknown
	}
	var whole io.Reader = in
	if f == undecided {
		var scanned bytes.Buffer
		if bytes.HasPrefix(head, []byte("\ufeff")) {
			if _, err := in.Discard(3); err != nil {
				return nil, nil, err
			}
			scanned.WriteString("\ufeff")
		}
		f, unknown = jsonFormat(io.TeeReader(in, &scanned))
		if f == undecided && isProtobuf(head) { // a first byte that is a new line in JSON
			f, unknown = openTelemetry, nil
		}
		if unknown != nil {
			return nil, nil, unknown
		}
		whole = io.MultiReader(&scanned, in)
	}
	return readers[f], whole, nil
}

var readers = map[format]reader{
	undecided: jaegerjson.Read, jaegerJSON: jaegerjson.Read, openTelemetry: otlp.Read,
	zipkinJSON: zipkinjson.Read,
}
