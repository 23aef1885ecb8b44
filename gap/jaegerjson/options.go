package jaegerjson

import "cmp"

// Option adjusts [Read], [Client.Find] and [Client.Traces]. A nil or zero argument stands for the
// default, and a nil Option is ignored.
type Option func(*config)

type config struct {
	name       string
	keys       map[string]bool // tags to keep
	everything bool
	maxBytes   int64 // less than 0: no bound
	progress   func(Progress)
}

// alwaysKept are the tags that analysis reads or shows, and those that say that spans are missing.
var alwaysKept = [...]string{"span.kind", "error", "wait.joined_us", "recorder.dropped_spans", "recorder.cut"}

func newConfig(opts []Option, maxBytes int64) *config {
	c := &config{keys: map[string]bool{}}
	for _, key := range alwaysKept {
		c.keys[key] = true
	}
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
	c.maxBytes = cmp.Or(c.maxBytes, maxBytes)
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
// [*Error] that wraps a [TooLargeError]. 0 stands for the default, which is no bound for [Read] and
// 1 GiB for [Client]. Less than 0 means no bound.
func WithMaxBytes(n int64) Option { return func(c *config) { c.maxBytes = n } }

// WithProgress calls f while reading, about once for each 64 KiB, and at the end.
func WithProgress(f func(Progress)) Option { return func(c *config) { c.progress = f } }

// Progress is how much has been read.
type Progress struct {
	Bytes  int64 // after decompression
	Traces int   // complete ones
	Spans  int   // including those of the current trace
	Retry  error // why a Client is about to retry a request; nil if it is not
}
