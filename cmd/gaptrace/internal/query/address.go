package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Address is a URL of a server or of a page in its UI, taken apart.
type Address struct {
	Base *url.URL      // of the server, without user, parameters and fragment
	User *url.Userinfo // nil for none
	Kind Kind          // what the path says; Unknown if the server has to be asked

	IDs     []gap.TraceID // the traces that the URL names
	Query   Query         // the search in the URL
	TraceQL string        // the search of Tempo; "" if it is in Query
	Filter  url.Values    // that of a program's /debug/gaps/
}

// String returns the URL of the server, without user and password.
func (a *Address) String() string { return a.Base.String() }

// Usage says which URLs Parse accepts.
const Usage = "want the URL of a server and its base path, such as http://host:16686 (Jaeger), " +
	"http://host:9411 (Zipkin) or http://host:3200 (Tempo), of a trace or a search in its UI or API, " +
	"or of a program's /debug/gaps/"

var errNotAddress = errors.New(Usage)

// errAmbiguousPassword does not repeat the URL, any part of which may be a password.
var errAmbiguousPassword = errors.New("the URL (not repeated, it may contain a password) has an @ outside of " +
	"user:password@host: write %2F %3F %23 for / ? # in a password, and %40 for any other @")

// Parse parses a URL. Its errors repeat no password.
func Parse(text string) (*Address, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil && strings.Contains(text, "@"):
		return nil, errAmbiguousPassword
	case err != nil:
		return nil, fmt.Errorf("%q: %w", text, errNotAddress)
	}
	a := &Address{User: u.User}
	path := strings.Split(strings.TrimRight(u.EscapedPath(), "/"), "/")
	n, known, err := a.page(path, u.Query())
	if path = path[:n]; known {
		u.RawQuery = ""
	}
	u.RawPath = strings.Join(path, "/")
	if u.Path, _ = url.PathUnescape(u.RawPath); u.Path == "/" {
		u.Path, u.RawPath = "", ""
	}
	u.Fragment, u.RawFragment, u.User = "", "", nil
	a.Base = u
	switch {
	case strings.Contains(a.String(), "@"):
		return nil, errAmbiguousPassword
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "":
		return nil, fmt.Errorf("%q: %w", u.Scheme+"://"+u.Host+u.Path, errNotAddress)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", a, err)
	}
	return a, nil
}

// page parses the page that a path leads to, with its parameters. It returns how much of the path
// is that of the server, and whether it knows the page.
func (a *Address) page(path []string, values url.Values) (base int, known bool, err error) {
	for _, p := range pages {
		if base, rest, ok := p.match(path); ok {
			a.Kind = p.kind
			if p.id {
				for id := range strings.SplitSeq(rest, "...") { // Jaeger's page that compares two traces
					if err := a.addID(id); err != nil {
						return base, true, err
					}
				}
			}
			if p.search != nil {
				err = p.search(a, values)
			}
			return base, true, err
		}
	}
	return len(path), false, nil
}

// pages are the paths below that of a server. The first one that matches counts.
var pages = []page{
	{path: "debug/gaps/trace", kind: Debug, keep: 2, search: (*Address).debugTrace},
	{path: "debug/gaps/explain", kind: Debug, keep: 2, search: (*Address).debugTrace},
	{path: "debug/gaps/profile", kind: Debug, keep: 2, search: (*Address).debugFilter},
	{path: "debug/gaps", kind: Debug, keep: 2, search: (*Address).debugFilter},

	{path: "api/v3/traces/", kind: JaegerV3, id: true},
	{path: "api/v3/traces", kind: JaegerV3, search: (*Address).searchV3},
	{path: "api/v3/services", kind: JaegerV3},
	{path: "api/v3", kind: JaegerV3},

	{path: "api/v2/trace/", kind: Zipkin, id: true},
	{path: "api/v2/traces/", kind: Tempo, id: true},
	{path: "api/v2/traces", kind: Zipkin, search: (*Address).searchZipkin},
	{path: "api/v2", kind: Zipkin},
	{path: "zipkin/traces/", kind: Zipkin, id: true, keep: 1},
	{path: "zipkin", kind: Zipkin, search: (*Address).searchZipkin, keep: 1},

	{path: "api/search", kind: Tempo, search: (*Address).searchTempo},

	{path: "api/traces/", id: true}, // Jaeger or Tempo
	{path: "api/traces", kind: Jaeger, search: (*Address).searchJaeger},
	{path: "traces/", kind: Zipkin, id: true}, // in the UI
	{path: "trace/", kind: Jaeger, id: true},
	{path: "search", kind: Jaeger, search: (*Address).searchJaeger},
	{path: "api"},
}

// page is the end of a path.
type page struct {
	path   string // ends in a slash if an id follows
	kind   Kind
	id     bool
	keep   int // how many segments are those of the server
	search func(a *Address, values url.Values) error
}

// match reports whether path ends like the page. It returns the number of segments before the page,
// with those that the server keeps, and the last segment.
func (p *page) match(path []string) (base int, last string, ok bool) {
	want := strings.Split(p.path, "/")
	base = len(path) - len(want)
	if base < 1 || len(path) == 0 { // path[0] is what comes before the first slash
		return 0, "", false
	}
	for i, segment := range want {
		if got := path[base+i]; got != segment && (segment != "" || got == "") {
			return 0, "", false
		}
	}
	return base + p.keep, path[len(path)-1], true
}

func (a *Address) addID(text string) error {
	id, err := gap.ParseTraceID(text)
	if err != nil || id == (gap.TraceID{}) {
		return fmt.Errorf("trace %q: want a trace ID: up to 32 hexadecimal digits, not all zero", text)
	}
	a.IDs = append(a.IDs, id)
	return nil
}

// debugTrace parses the parameters of the page for a trace.
func (a *Address) debugTrace(values url.Values) error {
	if !values.Has("id") {
		return a.debugFilter(values)
	}
	return a.addID(values.Get("id"))
}

// debugFilter keeps the parameters that select traces.
func (a *Address) debugFilter(values url.Values) error {
	a.Filter = url.Values{}
	for _, key := range []string{"service", "operation", "bucket"} {
		if values.Has(key) {
			a.Filter.Set(key, values.Get(key))
		}
	}
	return nil
}

// searchJaeger parses the parameters of the page with search results, and of the old API.
func (a *Address) searchJaeger(values url.Values) error {
	q := &a.Query
	q.Service, q.Operation = values.Get("service"), values.Get("operation")
	for _, id := range values["traceID"] {
		if err := a.addID(id); err != nil {
			return err
		}
	}
	if tags := values.Get("tags"); tags != "" {
		if err := json.Unmarshal([]byte(tags), &q.Tags); err != nil {
			return errors.New(`invalid tags in the URL: want {"key":"value"}`)
		}
	}
	for _, tag := range values["tag"] {
		key, value, ok := strings.Cut(tag, ":")
		if !ok {
			return fmt.Errorf("invalid tag %q in the URL: want key:value", tag)
		}
		SetTag(q, key, value)
	}
	p := parameters{values: values}
	micros := func(to *time.Time) func(string) error {
		return func(s string) error {
			n, err := strconv.ParseInt(s, 10, 64)
			*to = time.UnixMicro(n)
			return err
		}
	}
	p.parse("start", "microseconds since 1970", micros(&q.Start))
	p.parse("end", "microseconds since 1970", micros(&q.End))
	p.parse("minDuration", "a duration such as 100ms", p.duration(&q.MinDuration))
	p.parse("maxDuration", "a duration such as 100ms", p.duration(&q.MaxDuration))
	p.parse("limit", "a number", p.number(&q.Limit))
	if q.Start.IsZero() {
		p.parse("lookback", "a duration such as 2h", func(s string) (err error) {
			q.Lookback, err = ParseLookback(s)
			return err
		})
	}
	return p.err
}

// searchV3 parses the parameters of Jaeger's API v3. They have two names each.
func (a *Address) searchV3(values url.Values) error {
	p := parameters{values: values}
	get := func(names ...string) string {
		for _, name := range names {
			if values.Has("query." + name) {
				return "query." + name
			}
		}
		return "query." + names[0]
	}
	q := &a.Query
	q.Service = values.Get(get("service_name", "serviceName"))
	q.Operation = values.Get(get("operation_name", "operationName"))
	moment := func(to *time.Time) func(string) error {
		return func(s string) (err error) {
			*to, err = time.Parse(time.RFC3339Nano, s)
			return err
		}
	}
	p.parse(get("start_time_min", "startTimeMin"), "a time such as 2026-01-31T12:00:00Z", moment(&q.Start))
	p.parse(get("start_time_max", "startTimeMax"), "a time such as 2026-01-31T12:00:00Z", moment(&q.End))
	p.parse(get("duration_min", "durationMin"), "a duration such as 100ms", p.duration(&q.MinDuration))
	p.parse(get("duration_max", "durationMax"), "a duration such as 100ms", p.duration(&q.MaxDuration))
	p.parse(get("search_depth", "searchDepth", "num_traces", "numTraces"), "a number", p.number(&q.Limit))
	p.parse("query.attributes", `{"key":"value"}`, func(s string) error { return json.Unmarshal([]byte(s), &q.Tags) })
	return p.err
}

// parameters parses the parameters of a URL. It keeps the first error.
type parameters struct {
	values url.Values
	err    error
}

func (p *parameters) parse(key, want string, f func(value string) error) {
	if value := p.values.Get(key); value != "" && p.err == nil {
		if err := f(value); err != nil {
			p.err = fmt.Errorf("invalid %s %q in the URL: want %s", key, value, want)
		}
	}
}

func (p *parameters) number(to *int) func(string) error {
	return func(s string) (err error) {
		*to, err = strconv.Atoi(s)
		return err
	}
}

func (p *parameters) duration(to *time.Duration) func(string) error {
	return func(s string) (err error) {
		*to, err = time.ParseDuration(s)
		return err
	}
}

// SetTag adds a tag to a query.
func SetTag(q *Query, key, value string) {
	if q.Tags == nil {
		q.Tags = map[string]string{}
	}
	q.Tags[key] = value
}
