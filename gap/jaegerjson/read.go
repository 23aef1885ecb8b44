package jaegerjson

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"iter"

	"github.com/gaptrace/gaptrace/gap"
)

// Option adjusts what is read, and how.
type Option func(*config)

type config struct {
	name       string
	keys       map[string]bool // of the tags to keep
	everything bool
	maxBytes   int64 // 0 for any number, -1 where nothing was said
	progress   func(Progress)
}

// alwaysKept are the tags that analysis reads, tells, or could be misled without.
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

// WithTags also keeps the tags of spans that have these keys. Only span.kind, error, wait.joined_us and
// what a Recorder says of itself (recorder.dropped_spans, recorder.cut) are kept otherwise, and no logs. All tags of a process are kept anyway.
func WithTags(keys ...string) Option {
	return func(c *config) {
		for _, key := range keys {
			c.keys[key] = true
		}
	}
}

// WithEverything keeps all tags and logs, as [Write] needs them to write the traces again.
func WithEverything() Option { return func(c *config) { c.everything = true } }

// WithName says what the input is called, for errors. Without it, it is what the reader's Name method says, if it has one
// as an *os.File has.
func WithName(name string) Option { return func(c *config) { c.name = name } }

// WithMaxBytes bounds how much is read, counted when decompressed; a [TooLargeError] says so. 0 or less is no bound,
// which is how Read is without it; [Client] has one.
func WithMaxBytes(n int64) Option { return func(c *config) { c.maxBytes = max(n, 0) } }

// WithProgress calls f now and then while reading, and at the end: at most once for 64 KiB and once for a trace.
func WithProgress(f func(Progress)) Option { return func(c *config) { c.progress = f } }

// Progress tells how far a reading has come.
type Progress struct {
	Bytes  int64 // read, decompressed
	Traces int   // complete
	Spans  int   // of these and of the one that is being read
	Retry  error // why a request is about to be made again, see [Client]; nil otherwise
}

// Read reads all traces in r, and yields the spans of each as soon as it is complete. What is in r is described in the
// package's documentation. The spans are the caller's; what they point to may be shared between spans, and must not be
// changed.
//
// An error is yielded without spans, when the traces before it have been. An [*Error] is the last that is yielded; each
// error that Jaeger itself told in the input is a [*QueryError], and these come when all else has been read. Whoever stops at
// the first error has all traces of the input that can be had.
//
// Of r only as much is held as one trace needs. r can be read once, and so can what Read returns.
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
	d.source, d.max = source, c.maxBytes
	compressed := false
	if magic, _ := source.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		compressed = true
		if unzipped, err := gzip.NewReader(source); err != nil {
			d.end = err
		} else {
			d.source = unzipped
		}
	}
	if c.progress != nil {
		d.onRead = func() { c.progress(Progress{Bytes: d.base + int64(len(d.buf)), Traces: d.traces, Spans: d.spans}) }
	}
	d.documents()
	if d.err == errStopped {
		return
	}
	if d.onRead != nil {
		d.onRead()
	}
	if e, ok := errors.AsType[*Error](d.err); ok {
		e.Name, e.Decompressed = c.name, compressed
		if !yield(nil, e) {
			return
		}
	}
	for _, err := range d.told {
		if !yield(nil, err) {
			return
		}
	}
}
