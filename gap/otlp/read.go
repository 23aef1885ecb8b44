package otlp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/spanjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// Read reads the spans in r, and yields them in batches, in the order of the input. A batch may have
// spans of many traces, and a trace may come in many batches. The package comment says which formats
// Read reads. Callers may change the spans, but not what they point to, since spans may share it.
//
// Errors come after all spans, and without spans: first a [*read.Error] if the input is malformed,
// then one if it has times that are not numbers, then an [*AnswerError] for each of the first 100
// errors that a server has reported in the input. By default the size of the input has no bound.
//
// Iterate over the result once, since r can be read only once.
func Read(r io.Reader, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	c := read.NewConfig(opts, -1)
	if named, ok := r.(interface{ Name() string }); ok && c.Name == "" {
		c.Name = named.Name()
	}
	return func(yield func([]gap.Span, error) bool) { readSpans(r, c, yield) }
}

func readSpans(r io.Reader, c *read.Config, yield func([]gap.Span, error) bool) {
	c.Keys[warningsKey] = true // Build asks what Jaeger has moved
	d := &decoder{Decoder: spanjson.New(r, c), mapper: mapper{all: c.Everything}, keep: newKeys(c.Keys), yield: yield}
	d.buffered = d.Buffered
	if c.Progress != nil {
		d.OnRead = func() { c.Progress(read.Progress{Bytes: d.buffered(), Spans: d.spans}) }
	}
	encoding := asJSON
	if d.End == nil { // otherwise r begins as gzip does, and is not
		source := bufio.NewReaderSize(d.Source, peeked)
		start, _ := source.Peek(peeked)
		d.Source, encoding = source, detect(start)
	}
	if encoding == asJSON {
		newJSONDecoder(d).documents()
	} else {
		p := &protoDecoder{decoder: d}
		d.buffered = p.buffered
		p.messages(encoding)
	}
	d.flush()
	if d.Err == errStopped {
		return
	}
	if d.OnRead != nil {
		d.OnRead()
	}
	errs := d.Errors()
	for _, err := range d.answerErrors {
		errs = append(errs, err)
	}
	for _, err := range errs {
		if !yield(nil, err) {
			return
		}
	}
}

// batchSize is the number of spans in a batch, if their resource comes first.
const batchSize = 128

// maxAnswerErrors bounds how many of the errors in an input are kept.
const maxAnswerErrors = 100

// errStopped ends reading because the caller stopped iterating.
var errStopped = errors.New("stopped")

// AnswerError is an error that a server has reported in its answer.
type AnswerError struct {
	Code    int    // status of HTTP, 0 if unknown
	Message string // the server's, not redacted
}

// Error returns one line with the code and the message.
func (e *AnswerError) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("the server reports: %s", printable.Text(e.Message, 1000))
	}
	return fmt.Sprintf("the server reports %d: %s", e.Code, printable.Text(e.Message, 1000))
}

// decoder is what both encodings need.
type decoder struct {
	*spanjson.Decoder
	mapper
	keep         keys
	yield        func([]gap.Span, error) bool
	buffered     func() int64 // the number of bytes that were read
	batch        []gap.Span   // not yielded yet
	first        int          // index into batch of the first span of the current resource
	known        bool         // the current resource has been read
	spans        int
	answerErrors []*AnswerError
}

// beginResource begins a group of spans whose process is not known yet.
func (d *decoder) beginResource() {
	d.process, d.known, d.first = nil, false, len(d.batch)
}

// resource sets the process of the group of spans, also of those that came before it.
func (d *decoder) resource(service string) {
	d.setResource(service)
	d.known = true
	for i := d.first; i < len(d.batch); i++ {
		d.batch[i].Process = d.process
	}
}

// endResource ends a group.
func (d *decoder) endResource() {
	d.known = false
	if len(d.batch) >= batchSize {
		d.flush()
	}
}

// add adds the current span to the batch.
func (d *decoder) add(s *span) {
	if d.Err != nil {
		d.drop()
		return
	}
	if len(d.batch) == 0 && cap(d.batch) < batchSize/4 {
		d.batch = make([]gap.Span, 0, batchSize)
	}
	d.batch = append(d.batch, d.finish(s))
	d.spans++
	if d.known && len(d.batch) >= batchSize {
		d.flush()
	}
}

// flush yields the batch.
func (d *decoder) flush() {
	n := len(d.batch)
	if n == 0 || d.Err == errStopped {
		return
	}
	batch := d.batch[:n:n]
	d.batch, d.first = d.batch[n:], 0
	if !d.yield(batch, nil) {
		d.batch = nil
		d.Stop(errStopped)
	}
}
