package jaegerjson

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"iter"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson/internal/jsonscan"
)

// Option adjusts [Read], [Client.Find] and [Client.Traces].
type Option func(*config)

type config struct {
	name       string
	keys       map[string]bool // tags to keep
	everything bool
	maxBytes   int64 // 0 means no bound, -1 the default
	progress   func(Progress)
}

// alwaysKept are the tags that analysis reads or shows, and those that say that spans are missing.
var alwaysKept = [...]string{"span.kind", "error", "wait.joined_us", "recorder.dropped_spans", "recorder.cut"}

func newConfig(opts []Option) *config {
	c := &config{keys: map[string]bool{}, maxBytes: -1}
	for _, key := range alwaysKept {
		c.keys[key] = true
	}
	for _, opt := range opts {
		opt(c)
	}
	return c
}

// WithTags keeps the tags of spans with these keys, in addition to those that analysis needs:
// span.kind, error, wait.joined_us, recorder.dropped_spans and recorder.cut. By default Read keeps
// only the latter. It always keeps all tags of processes.
func WithTags(keys ...string) Option {
	return func(c *config) {
		for _, key := range keys {
			c.keys[key] = true
		}
	}
}

// WithEverything keeps all tags and logs, so that [Write] can write them again.
func WithEverything() Option { return func(c *config) { c.everything = true } }

// WithName names the input, for errors. The default is the result of the reader's Name method, if
// it has one as *os.File does.
func WithName(name string) Option { return func(c *config) { c.name = name } }

// WithMaxBytes bounds the size of an input after decompression. Reading a larger one ends with an
// [*Error] that wraps a [TooLargeError]. 0 or less means no bound. The default is no bound for
// [Read], and 1 GiB for [Client].
func WithMaxBytes(n int64) Option { return func(c *config) { c.maxBytes = max(n, 0) } }

// WithProgress calls f while reading, about once for each 64 KiB, and at the end.
func WithProgress(f func(Progress)) Option { return func(c *config) { c.progress = f } }

// Progress is how much has been read.
type Progress struct {
	Bytes  int64 // after decompression
	Traces int   // complete ones
	Spans  int   // including those of the current trace
	Retry  error // why a Client is about to retry a request; nil if it is not
}

// Read reads the traces in r, and yields the spans of each trace as soon as it is complete. The
// package comment says which formats it reads. Callers may change the spans, but not what they
// point to, since spans may share it.
//
// Errors come after all traces, and without spans: first an [*Error] if the input is malformed,
// then one if it has times that are not numbers, then a [*QueryError] for each of the first 100
// errors that Jaeger has reported in the input.
//
// Read keeps only one trace in memory. Iterate over the result once, since r can be read only once.
func Read(r io.Reader, opts ...Option) iter.Seq2[[]gap.Span, error] {
	c := newConfig(opts)
	if named, ok := r.(interface{ Name() string }); ok && c.name == "" {
		c.name = named.Name()
	}
	return func(yield func([]gap.Span, error) bool) { c.read(r, yield) }
}

func (c *config) read(r io.Reader, yield func([]gap.Span, error) bool) {
	source := bufio.NewReader(r)
	d := &decoder{config: c, yield: yield, texts: map[string]any{}}
	d.Source = source
	magic, _ := source.Peek(2)
	compressed := bytes.Equal(magic, []byte{0x1f, 0x8b})
	if compressed {
		if unzipped, err := gzip.NewReader(source); err != nil {
			d.End = err
		} else {
			d.Source = unzipped
		}
	}
	if c.maxBytes > 0 {
		d.Source = &boundedReader{r: d.Source, left: c.maxBytes, max: c.maxBytes}
	}
	if c.progress != nil {
		d.OnRead = func() {
			c.progress(Progress{Bytes: d.Buffered(), Traces: d.traces, Spans: d.spans})
		}
	}
	d.documents()
	if d.Err == errStopped {
		return
	}
	if d.OnRead != nil {
		d.OnRead()
	}
	report := func(e *jsonscan.Error, more int) bool {
		return yield(nil, &Error{
			Name: c.name, Offset: e.Offset, Decompressed: compressed,
			Expected: e.Expected, Found: e.Found, More: more, Err: e.Err,
		})
	}
	if e, ok := errors.AsType[*jsonscan.Error](d.Err); ok && !report(e, 0) {
		return
	}
	if d.noTime != nil && !report(d.noTime, d.noTimes-1) {
		return
	}
	for _, err := range d.queryErrors {
		if !yield(nil, err) {
			return
		}
	}
}

// boundedReader reads at most max bytes from r. It fails with a TooLargeError if r has more.
type boundedReader struct {
	r         io.Reader
	left, max int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = n+int(b.left), TooLargeError(b.max)
	}
	return n, err
}
