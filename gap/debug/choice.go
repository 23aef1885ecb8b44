package debug

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// bucket is a range of durations. The bucket "error" holds the traces with an error, each of which
// is also in one of the ranges.
type bucket struct {
	Key, Name string // in URLs and in headings
	least     time.Duration
}

var (
	buckets = []bucket{
		{"0", "under 1 ms", 0},
		{"1ms", "1 to 10 ms", time.Millisecond},
		{"10ms", "10 to 100 ms", 10 * time.Millisecond},
		{"100ms", "0.1 to 1 s", 100 * time.Millisecond},
		{"1s", "1 s and more", time.Second},
	}
	failed = bucket{Key: "error", Name: "with errors"}
)

// allBuckets returns the ranges, then failed.
func allBuckets() []bucket { return append(slices.Clone(buckets), failed) }

// bucketOf returns the index of the range that a duration is in.
func bucketOf(d time.Duration) int {
	for i, b := range slices.Backward(buckets) {
		if d >= b.least {
			return i
		}
	}
	return 0
}

func bucketKeys() string {
	var keys []string
	for _, b := range allBuckets() {
		keys = append(keys, b.Key)
	}
	return strings.Join(keys, ", ")
}

// choice says which traces a request asks for.
type choice struct {
	query                      url.Values // the parameters that choose, for links
	service, operation, bucket string
}

// parseChoice returns false if the bucket is unknown.
func parseChoice(query url.Values) (choice, bool) {
	c := choice{query: url.Values{}}
	for key, field := range map[string]*string{"service": &c.service, "operation": &c.operation, "bucket": &c.bucket} {
		if query.Has(key) {
			const most = 1000 // more than any name that is shown
			*field = printable.Text(query.Get(key), most)
			c.query.Set(key, *field)
		}
	}
	known := func(b bucket) bool { return b.Key == c.bucket }
	return c, c.bucket == "" || slices.ContainsFunc(allBuckets(), known)
}

// all reports whether every trace was chosen.
func (c choice) all() bool {
	return !c.query.Has("service") && !c.query.Has("operation") && c.bucket == ""
}

// includes compares names as they are shown, since nobody can send back a name that was truncated.
func (c choice) includes(e entry) bool {
	return (!c.query.Has("service") || c.service == e.Service) &&
		(!c.query.Has("operation") || c.operation == e.Operation) &&
		(c.bucket == "" || c.bucket == failed.Key && e.Failed || c.bucket == buckets[bucketOf(e.Duration)].Key)
}

// String returns the choice as a heading.
func (c choice) String() string {
	var words []string
	if c.operation != "" {
		words = append(words, strings.TrimPrefix(c.service+": "+c.operation, ": "))
	} else if c.service != "" {
		words = append(words, c.service)
	}
	for _, b := range allBuckets() {
		if c.bucket == b.Key {
			words = append(words, b.Name)
		}
	}
	return strings.Join(words, ", ")
}
