package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/httpget"
)

// Slice is one of Of parts of all spans, counted from 0. The zero Slice is all of them.
type Slice struct{ Part, Of int }

// MaxSlices is how many slices Elasticsearch accepts, unless it is configured otherwise.
const MaxSlices = 1024

// Elasticsearch reads the spans that Jaeger stores in Elasticsearch:
//
//	_field_caps                     the indices that the pattern matches, and the type of startTime
//	  for each index: _pit          a point in time, so that the pages fit together
//	    _search, _search, …         pages of a slice of it, in the order in which they are stored
//	    DELETE _pit
//
// A slice takes the spans for which a hash of startTime has a remainder, in the shards of one
// index. So a span is in one slice only, even if slices are read at different times, of different
// replicas, while Elasticsearch merges segments or makes the index of the next day. Slices by the
// internal number of a document, which are the default, have this property only within one point in
// time, and all machines would have to share it.
type Elasticsearch struct {
	URL      *url.URL      // without a user
	User     *url.Userinfo // nil for none
	HTTP     *http.Client  // nil means http.DefaultClient
	Index    string        // a pattern, as Elasticsearch accepts it
	Slice    Slice
	From, To time.Time     // of the spans' starts, half-open; zero for no bound
	Timeout  time.Duration // of a request; 0 for none
}

// ParseElasticsearch parses the URL of Elasticsearch. Its errors repeat no password.
func ParseElasticsearch(text string) (*Elasticsearch, error) {
	u, err := url.Parse(text)
	switch {
	case strings.Count(text, "@") > 1 || err != nil && strings.Contains(text, "@"):
		return nil, errAmbiguousPassword
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("want the URL of Elasticsearch, such as https://host:9200")
	case strings.Contains(u.Host+u.Path, "@"):
		return nil, errAmbiguousPassword
	}
	e := &Elasticsearch{User: u.User}
	u.User = nil
	e.URL = u
	return e, nil
}

// CheckIndex returns an error for a name of indices that could be another path of the API.
func CheckIndex(pattern string) error {
	if pattern == "" || pattern[0] == '_' || pattern[0] == '.' || strings.ContainsAny(pattern, `/\?#%"<> `) {
		return errors.New("want the name of an index or an alias, or a pattern such as jaeger-span-*; several with commas")
	}
	return nil
}

const (
	pageSpans    = 5000     // Elasticsearch accepts at most 10,000
	minPageSpans = 100      //
	largePage    = 16 << 20 // bytes; the next page has fewer spans
	keepAlive    = 5 * time.Minute
)

// patience are the waits before retries of a request to Elasticsearch. They are longer than for
// other servers: machines may be asking at the same time, and an overloaded cluster needs rest.
var patience = []time.Duration{
	500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second,
}

// Spans yields the spans of the slice, as a reader does. The first error ends it: the spans before
// it are not all of them.
func (e *Elasticsearch) Spans(ctx context.Context, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		r := elasticReader{
			Elasticsearch: e, opts: opts, config: read.NewConfig(opts, maxBytes), yield: yield, size: pageSpans,
		}
		client := http.Client{}
		if e.HTTP != nil {
			client = *e.HTTP
		}
		client.Timeout = e.Timeout
		r.client = &client
		if err := r.all(ctx); err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

var errStopped = errors.New("the caller has stopped")

// elasticReader reads one slice.
type elasticReader struct {
	*Elasticsearch
	client *http.Client
	opts   []read.Option
	config *read.Config
	yield  func([]gap.Span, error) bool
	size   int           // spans of the next page
	sum    read.Progress // of the pages that have been read
	body   bytes.Buffer  // the last answer
}

func (r *elasticReader) all(ctx context.Context) error {
	indices, err := r.indices(ctx)
	if err != nil {
		return err
	}
	for _, index := range indices {
		if err := r.index(ctx, index); err != nil {
			return err
		}
	}
	return nil
}

// indices returns the indices with spans that the pattern matches.
func (r *elasticReader) indices(ctx context.Context) ([]string, error) {
	var answer struct {
		Indices []string
		Fields  struct {
			StartTime map[string]struct{ Indices []string } // by type
		}
	}
	values := url.Values{"fields": {"startTime"}, "include_unmapped": {"true"}}
	if err := r.ask(ctx, http.MethodGet, r.path(values, r.Index, "_field_caps"), nil, &answer); err != nil {
		return nil, err
	}
	if len(answer.Indices) == 0 {
		return nil, fmt.Errorf("%s has no index %s; check --index", r.URL, r.Index)
	}
	for kind, with := range answer.Fields.StartTime {
		switch {
		case kind == "unmapped":
		case kind != "long":
			return nil, fmt.Errorf("%s: startTime has the type %s in %s, not long as Jaeger's template says; "+
				"name the indices of Jaeger's spans with --index", r.URL, kind, strings.Join(with.Indices, ", "))
		case with.Indices != nil: // otherwise all of them
			answer.Indices = with.Indices
		}
	}
	if _, ok := answer.Fields.StartTime["long"]; !ok {
		return nil, fmt.Errorf("%s: no Jaeger spans in %s, which lacks the field startTime; check --index",
			r.URL, strings.Join(answer.Indices, ", "))
	}
	return answer.Indices, nil
}

// search is the body of a search.
type search struct {
	Size  int             `json:"size"`
	PIT   pointInTime     `json:"pit"`
	Slice *searchSlice    `json:"slice,omitempty"`
	Query any             `json:"query,omitempty"`
	Sort  []string        `json:"sort"`
	After json.RawMessage `json:"search_after,omitempty"`
	// Counting all hits, and the logs of spans, would be for nothing.
	Count  bool                `json:"track_total_hits"`
	Source map[string][]string `json:"_source"`
}

type pointInTime struct {
	ID        string `json:"id"`
	KeepAlive string `json:"keep_alive,omitempty"`
}

type searchSlice struct {
	Field string `json:"field"`
	ID    int    `json:"id"`
	Max   int    `json:"max"`
}

// index yields the spans of one index.
func (r *elasticReader) index(ctx context.Context, index string) error {
	alive := fmt.Sprintf("%ds", int(keepAlive.Seconds()))
	var pit pointInTime
	path := r.path(url.Values{"keep_alive": {alive}}, index, "_pit")
	if err := r.ask(ctx, http.MethodPost, path, nil, &pit); err != nil {
		return err
	}
	pit.KeepAlive = alive
	defer func() { r.close(context.WithoutCancel(ctx), pit.ID) }()
	s := search{
		PIT: pit, Sort: []string{"_shard_doc"}, Source: map[string][]string{"excludes": {"logs"}}, Query: r.period(),
	}
	if r.Slice.Of > 1 {
		s.Slice = &searchSlice{"startTime", r.Slice.Part, r.Slice.Of}
	}
	for {
		s.Size = r.size
		body, err := json.Marshal(s)
		if err != nil {
			return err
		}
		var page struct {
			PIT  string `json:"pit_id"`
			Hits struct {
				Hits []struct{ Sort json.RawMessage }
			}
		}
		path := r.path(url.Values{"allow_partial_search_results": {"false"}}, "_search")
		if err := r.ask(ctx, http.MethodPost, path, body, &page); err != nil {
			return err
		}
		if page.PIT != "" { // Elasticsearch may change it
			pit.ID, s.PIT.ID = page.PIT, page.PIT
		}
		if err := r.spans(path); err != nil {
			return err
		}
		hits := page.Hits.Hits
		if len(hits) < s.Size {
			return nil
		}
		after := hits[len(hits)-1].Sort
		if bytes.Equal(after, s.After) { // it would go on for ever
			return fmt.Errorf("%s: not an answer of Elasticsearch: a page ends where the one before does; check the URL",
				(&httpget.Request{URL: path}).Name())
		}
		s.After = after
		if r.body.Len() > largePage {
			r.size = max(r.size/2, minPageSpans)
		}
	}
}

// period returns a query for the spans that start between From and To, or nil for all.
func (r *elasticReader) period() any {
	bounds := map[string]int64{}
	if !r.From.IsZero() {
		bounds["gte"] = r.From.UnixMicro()
	}
	if !r.To.IsZero() {
		bounds["lt"] = r.To.Add(time.Microsecond - 1).UnixMicro()
	}
	if len(bounds) == 0 {
		return nil
	}
	return map[string]any{"range": map[string]any{"startTime": bounds}}
}

// spans yields the spans in the last answer.
func (r *elasticReader) spans(u *url.URL) error {
	last := r.sum
	progress := func(p read.Progress) {
		last = read.Progress{Bytes: r.sum.Bytes + p.Bytes, Traces: r.sum.Traces + p.Traces, Spans: r.sum.Spans + p.Spans}
		r.report(last)
	}
	name := read.WithName((&httpget.Request{URL: u}).Name())
	opts := append(r.opts[:len(r.opts):len(r.opts)], read.WithProgress(progress), name)
	for spans, err := range jaegerjson.Read(bytes.NewReader(r.body.Bytes()), opts...) {
		if err != nil {
			return fmt.Errorf("%w; see the log of Elasticsearch, then run this slice again", err)
		}
		if !r.yield(spans, nil) {
			return errStopped
		}
	}
	r.sum = last
	return nil
}

func (r *elasticReader) report(p read.Progress) {
	if r.config.Progress != nil {
		r.config.Progress(p)
	}
}

// close closes a point in time. If that fails, Elasticsearch closes it after keepAlive.
func (r *elasticReader) close(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, _ := json.Marshal(pointInTime{ID: id})
	req := httpget.Request{
		HTTP: r.client, URL: r.path(nil, "_pit"), User: r.User, Accept: "application/json",
		Method: http.MethodDelete, JSON: body, Pauses: []time.Duration{},
	}
	if res, err := req.Do(ctx); err == nil {
		res.Body.Close()
	}
}

func (r *elasticReader) path(values url.Values, elements ...string) *url.URL {
	u := r.URL.JoinPath(elements...)
	u.RawQuery = values.Encode()
	return u
}

// ask sends a request, and decodes the answer, which stays in r.body.
func (r *elasticReader) ask(ctx context.Context, method string, u *url.URL, body []byte, into any) error {
	req := httpget.Request{
		HTTP: r.client, URL: u, User: r.User, Accept: "application/json", Method: method, JSON: body,
		Pauses: patience, Describe: describeElastic, OnRetry: r.retry,
	}
	for failures := 0; ; failures++ {
		res, err := req.Do(ctx)
		if err != nil {
			return r.hint(err)
		}
		r.body.Reset()
		_, err = io.Copy(&r.body, io.LimitReader(res.Body, r.limit()))
		res.Body.Close()
		switch {
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%s: %w", req.Name(), context.Cause(ctx))
		case err != nil && failures < len(patience): // the connection has failed
			r.retry(fmt.Errorf("%s: %w", req.Name(), err))
			continue
		case err != nil:
			return r.hint(fmt.Errorf("%s: %w", req.Name(), err))
		case int64(r.body.Len()) == r.limit():
			return fmt.Errorf("%s: %w; raise --max-bytes", req.Name(), read.TooLargeError(r.config.MaxBytes))
		}
		if err := json.Unmarshal(r.body.Bytes(), into); err != nil {
			return fmt.Errorf("%s: not an answer of Elasticsearch: %w; check the URL", req.Name(), err)
		}
		return nil
	}
}

// limit returns how much of an answer is read: a byte more than it may have.
func (r *elasticReader) limit() int64 {
	if r.config.MaxBytes < 0 || r.config.MaxBytes == math.MaxInt64 {
		return math.MaxInt64
	}
	return r.config.MaxBytes + 1
}

func (r *elasticReader) retry(err error) {
	p := r.sum
	p.Retry = err
	r.report(p)
}

// elasticError is an answer of Elasticsearch that is an error.
type elasticError struct {
	httpget.StatusError
	kind, reason string // "" if the answer is not JSON, as that of a proxy
}

func (e *elasticError) Error() string {
	if e.kind == "" {
		return e.StatusError.Error()
	}
	return fmt.Sprintf("Elasticsearch answers %d: %s: %s", e.Code, e.kind, shown(e.reason))
}

func (e *elasticError) Unwrap() error { return &e.StatusError }

func describeElastic(status *httpget.StatusError) error {
	type cause struct{ Type, Reason string }
	var answer struct {
		Error struct {
			cause
			Causes []cause `json:"root_cause"`
		}
	}
	e := &elasticError{StatusError: *status}
	if json.Unmarshal(status.Text, &answer) == nil {
		c := answer.Error.cause
		if len(answer.Error.Causes) > 0 {
			c = answer.Error.Causes[0]
		}
		e.kind, e.reason = shown(c.Type), c.Reason
	}
	return e
}

// hint adds to an error what the user can do.
func (r *elasticReader) hint(err error) error {
	e, _ := errors.AsType[*elasticError](err)
	advice := ""
	switch {
	case e == nil && errors.Is(err, context.DeadlineExceeded):
		advice = fmt.Sprintf("no answer within --timeout %v: raise it, or read fewer slices at once", r.Timeout)
	case e == nil && errors.Is(err, httpget.ErrWebPage):
		advice = "perhaps a login page; check the URL"
	case e == nil:
		return err
	case e.Code == http.StatusUnauthorized:
		advice = "set ES_API_KEY, or ES_USERNAME and ES_PASSWORD, or ES_API_KEY_FILE or ES_PASSWORD_FILE to the name of a file"
	case e.Code == http.StatusForbidden:
		advice = "the user or API key needs the privilege read for " + r.Index
	case e.Code == http.StatusTooManyRequests:
		advice = "Elasticsearch is overloaded: read fewer slices at once, or try again later"
	case e.kind == "search_context_missing_exception":
		advice = fmt.Sprintf("the point in time is closed, since Elasticsearch was restarted, or no page was read for %v: "+
			"run this slice again, and discard what it has written", keepAlive)
	case e.kind == "index_not_found_exception":
		advice = "check --index"
	case e.Code >= 500:
		advice = "see the log of Elasticsearch, then run this slice again"
	case strings.Contains(e.reason, "_pit"), e.Code == http.StatusMethodNotAllowed:
		advice = "gaptrace needs Elasticsearch 7.12 or later; it does not read OpenSearch"
	default:
		return err
	}
	return fmt.Errorf("%w; %s", err, advice)
}
