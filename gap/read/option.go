package read

import (
	"cmp"
	"io"

	"github.com/gaptrace/gaptrace/gap"
)

// Option adjusts how a package reads spans. A nil or zero argument stands for the default, and a
// nil Option is ignored.
type Option func(*Config)

// Config is what the options set. Only packages that implement a reader need it.
type Config struct {
	Name       string          // of the input, for errors
	Keys       map[string]bool // tags of spans to keep
	Everything bool            // keep all tags and logs
	MaxBytes   int64           // after decompression; less than 0: no bound
	Progress   func(Progress)  // nil for none

	Parts func(parts [][]gap.Span) (more bool) // see WithParts; nil if it was not set
}

// alwaysKept are the tags that analysis reads or shows. The last two say that spans are missing.
var alwaysKept = [...]string{"span.kind", "error", "wait.joined_us", "recorder.dropped_spans", "recorder.cut"}

// NewConfig returns the configuration that opts set. maxBytes is the default for [WithMaxBytes].
func NewConfig(opts []Option, maxBytes int64) *Config {
	c := &Config{Keys: map[string]bool{}}
	for _, key := range alwaysKept {
		c.Keys[key] = true
	}
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
	c.MaxBytes = cmp.Or(c.MaxBytes, maxBytes)
	return c
}

// WithTags keeps the tags of spans with these keys, in addition to those that analysis needs:
// span.kind, error, wait.joined_us, recorder.dropped_spans and recorder.cut. By default, only the
// tags that analysis needs are kept. All tags of processes are always kept.
func WithTags(keys ...string) Option {
	return func(c *Config) {
		for _, key := range keys {
			c.Keys[key] = true
		}
	}
}

// WithEverything keeps all tags and logs, so that a program can write them again.
func WithEverything() Option { return func(c *Config) { c.Everything = true } }

// WithName sets the name of the input that errors show. The default is the result of the reader's
// Name method, if it has one, as *os.File does.
func WithName(name string) Option { return func(c *Config) { c.Name = name } }

// WithMaxBytes bounds the size of an input after decompression. Reading a larger one ends with an
// [*Error] that wraps a [TooLargeError]. If n is 0, the default of the function that reads applies.
// If n is less than 0, there is no bound.
func WithMaxBytes(n int64) Option { return func(c *Config) { c.MaxBytes = n } }

// WithProgress calls f about once for each 64 KiB that is read, and at the end.
func WithProgress(f func(Progress)) Option { return func(c *Config) { c.Progress = f } }

// WithParts calls f, instead of yielding a trace of many spans, with all its spans in several
// slices. To copy them into one would take twice the memory. If f returns false, reading ends. So
// far only package jaegerjson does this; other readers yield all traces.
func WithParts(f func(parts [][]gap.Span) (more bool)) Option {
	return func(c *Config) { c.Parts = f }
}

// Progress is how much has been read.
type Progress struct {
	Bytes  int64 // after decompression
	Traces int   // complete ones
	Spans  int   // including those of the current trace
	Retry  error // why a request is about to be retried; nil if none is
}

// NameAfter sets the name to the result of r's Name method, if r has one and no option has set a
// name.
func (c *Config) NameAfter(r io.Reader) {
	if named, ok := r.(interface{ Name() string }); ok && c.Name == "" {
		c.Name = named.Name()
	}
}
