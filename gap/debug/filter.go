package debug

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// bucket is a range of durations of a trace's root. The bucket withErrors is not a range: it has
// the traces in which a span failed, each of which is also in a range.
type bucket struct {
	Key, Name string        // in URLs and in headings
	least     time.Duration // of the range, which ends where the next one starts
}

var (
	buckets = []bucket{
		{"0", "under 1 ms", 0},
		{"1ms", "1 to 10 ms", time.Millisecond},
		{"10ms", "10 to 100 ms", 10 * time.Millisecond},
		{"100ms", "0.1 to 1 s", 100 * time.Millisecond},
		{"1s", "1 s and more", time.Second},
	}
	withErrors = bucket{Key: "error", Name: "with errors"}
)

// allBuckets returns the ranges, then withErrors.
func allBuckets() []bucket { return append(slices.Clone(buckets), withErrors) }

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

// filter says which traces a request asks for, by its query parameters.
type filter struct {
	query                      url.Values // these parameters, for links
	service, operation, bucket string     // "" if not set
	since                      time.Time  // the trace must end after it; zero if not set
}

// parseFilter parses the query of a request. If the bucket is unknown, it answers and returns
// false.
func parseFilter(w http.ResponseWriter, query url.Values) (filter, bool) {
	f := filter{query: url.Values{}}
	for key, field := range map[string]*string{"service": &f.service, "operation": &f.operation, "bucket": &f.bucket} {
		if query.Has(key) {
			const most = 1000 // more than any name that is shown
			*field = printable.Text(query.Get(key), most)
			f.query.Set(key, *field)
		}
	}
	known := func(b bucket) bool { return b.Key == f.bucket }
	if f.bucket != "" && !slices.ContainsFunc(allBuckets(), known) {
		fail(w, http.StatusBadRequest, "unknown bucket %.100q; buckets are: %s", f.bucket, bucketKeys())
		return f, false
	}
	return f, true
}

// all reports whether the filter includes every trace, except those before since.
func (f filter) all() bool {
	return !f.query.Has("service") && !f.query.Has("operation") && f.bucket == ""
}

// includes reports whether the filter includes a trace. It compares names as pages show them, since
// a link has the name as it is shown, perhaps truncated.
func (f filter) includes(e entry) bool {
	return (f.since.IsZero() || e.End.After(f.since)) &&
		(!f.query.Has("service") || f.service == e.Service) &&
		(!f.query.Has("operation") || f.operation == e.Operation) &&
		(f.bucket == "" || f.bucket == withErrors.Key && e.Failed || f.bucket == buckets[bucketOf(e.Duration)].Key)
}

// String returns the filter as a heading.
func (f filter) String() string {
	var words []string
	if f.operation != "" {
		words = append(words, strings.TrimPrefix(f.service+": "+f.operation, ": "))
	} else if f.service != "" {
		words = append(words, f.service)
	}
	for _, b := range allBuckets() {
		if f.bucket == b.Key {
			words = append(words, b.Name)
		}
	}
	return strings.Join(words, ", ")
}
