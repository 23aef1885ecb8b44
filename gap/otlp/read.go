package otlp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/spanjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// Read reads the spans in r, and yields them in batches, in the order of the input. A batch may
// have spans of many traces, and a trace may come in many batches. The package comment says which
// formats Read reads. Callers may change the spans, but not what they point to, since spans may
// share it.
//
// Errors come after all spans, and without spans. If the input is malformed, a [*read.Error] comes
// first. If times are not numbers, another one follows. Then comes an [*AnswerError] for each of
// the first 100 errors that a server has reported in the input. By default the size of the input
// has no bound.
//
// Iterate over the result once, since r can be read only once.
func Read(r io.Reader, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	c := read.NewConfig(opts, -1)
	c.NameAfter(r)
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
	Name    string // of the input that has it, "" if unknown
	Code    int    // status of HTTP, 0 if unknown
	Message string // the server's, not redacted
}

// Error returns one line with all of this.
func (e *AnswerError) Error() string {
	var b strings.Builder
	if e.Name != "" {
		b.WriteString(e.Name + ": ")
	}
	b.WriteString("the server reports")
	if e.Code != 0 {
		fmt.Fprintf(&b, " %d", e.Code)
	}
	return b.String() + ": " + printable.Text(e.Message, 1000)
}

// decoder is what both encodings need.
type decoder struct {
	*spanjson.Decoder
	mapper
	keep         keys
	yield        func([]gap.Span, error) bool
	buffered     func() int64 // the number of bytes that were read
	full         [][]gap.Span // batches that are not yielded yet, since their resource or scope has not come
	batch        []gap.Span   // the last one
	resourceAt   place        // of the first span of the current resource
	scopeAt      place        // of the first span of the current scope
	resourceRead bool
	scopeRead    bool // or not needed
	spans        int
	answerErrors []*AnswerError
}

// place is the place of a span that is not yielded yet.
type place struct {
	batch int // index into full, or len(full) for the last batch
	index int
}

func (d *decoder) here() place { return place{len(d.full), len(d.batch)} }

// since returns the spans from a place on.
func (d *decoder) since(p place) iter.Seq[*gap.Span] {
	return func(yield func(*gap.Span) bool) {
		for ; p.batch <= len(d.full); p = (place{p.batch + 1, 0}) {
			batch := d.batch
			if p.batch < len(d.full) {
				batch = d.full[p.batch]
			}
			for i := p.index; i < len(batch); i++ {
				if !yield(&batch[i]) {
					return
				}
			}
		}
	}
}

// beginResource begins the spans of a resource, which may come after them: pdata writes Protobuf
// from the last field to the first.
func (d *decoder) beginResource() {
	d.process, d.resourceRead, d.resourceAt = nil, false, d.here()
}

// resource sets the process of the current resource's spans. The mapper has its attributes.
func (d *decoder) resource(service string) {
	d.setResource(service)
	for s := range d.since(d.resourceAt) {
		s.Process = d.process
	}
	d.resourceRead = true
}

// beginScope begins the spans of a scope, which may come after them.
func (d *decoder) beginScope() {
	d.scope, d.scopeRead, d.scopeAt = nil, !d.all, d.here()
}

// setScope sets the scope of its spans.
func (d *decoder) setScope(name, version string) {
	d.scope = scopeTags(name, version)
	for s := range d.since(d.scopeAt) {
		s.Tags = append(s.Tags[:len(s.Tags):len(s.Tags)], d.scope...)
	}
	d.scopeRead = true
}

// endResource ends the spans of a resource.
func (d *decoder) endResource() {
	if len(d.full) > 0 {
		d.flush()
	}
}

// add adds the current span to the batch.
func (d *decoder) add(s *span) {
	if d.Err != nil {
		d.drop()
		return
	}
	switch n := len(d.batch); {
	case n < cap(d.batch) && n < batchSize:
	case n == 0:
		d.batch = make([]gap.Span, 0, batchSize)
	case d.resourceRead && d.scopeRead:
		d.flush()
		d.batch = make([]gap.Span, 0, batchSize)
	default:
		d.full = append(d.full, d.batch)
		d.batch = make([]gap.Span, 0, batchSize)
	}
	n := len(d.batch)
	d.batch = d.batch[:n+1]
	d.finish(s, &d.batch[n])
	d.spans++
}

// flush yields all spans.
func (d *decoder) flush() {
	batches := append(d.full, d.batch[:len(d.batch):len(d.batch)])
	d.full, d.batch = nil, d.batch[len(d.batch):]
	d.resourceAt, d.scopeAt = place{}, place{}
	for _, batch := range batches {
		if len(batch) > 0 && d.Err != errStopped && !d.yield(batch, nil) {
			d.Stop(errStopped)
		}
	}
}
