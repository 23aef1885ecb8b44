package query

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
)

// zipkin asks Zipkin by its API v2.
type zipkin struct{ *caller }

func (z *zipkin) Find(ctx context.Context, q Query, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	start, end := period(q)
	values := url.Values{
		"endTs":    {strconv.FormatInt(end.UnixMilli(), 10)},
		"lookback": {strconv.FormatInt(end.Sub(start).Milliseconds(), 10)},
		"limit":    {strconv.Itoa(cmp.Or(q.Limit, defaultLimit))},
	}
	set := func(key, value string) {
		if value != "" {
			values.Set(key, value)
		}
	}
	set("serviceName", q.Service)
	set("spanName", q.Operation)
	set("annotationQuery", annotationQuery(q.Tags))
	if q.MinDuration > 0 {
		set("minDuration", strconv.FormatInt(max(1, q.MinDuration.Microseconds()), 10))
	}
	if q.MaxDuration > 0 && q.MinDuration > 0 { // Zipkin refuses it alone
		set("maxDuration", strconv.FormatInt(max(1, q.MaxDuration.Microseconds()), 10))
	}
	return z.spans(ctx, []request{{[]string{"api", "v2", "traces"}, values}}, opts)
}

// annotationQuery returns tags as Zipkin asks for them. In Zipkin the tag error has a message, so
// that error=true stands for any.
func annotationQuery(tags map[string]string) string {
	var terms []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if value := tags[key]; value == "" || key == "error" && value == "true" {
			terms = append(terms, key)
		} else {
			terms = append(terms, key+"="+value)
		}
	}
	return strings.Join(terms, " and ")
}

// tagsOf parses what annotationQuery returns.
func tagsOf(query string) map[string]string {
	tags := map[string]string{}
	for term := range strings.SplitSeq(query, " and ") {
		if key, value, _ := strings.Cut(strings.TrimSpace(term), "="); key != "" {
			tags[key] = value
		}
	}
	return tags
}

func (z *zipkin) Traces(ctx context.Context, ids []gap.TraceID, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	var requests []request
	for _, id := range ids {
		requests = append(requests, request{path: []string{"api", "v2", "trace", id.String()}})
	}
	return z.spans(ctx, requests, opts)
}

func (z *zipkin) Services(ctx context.Context) ([]string, error) {
	var names []string
	err := z.json(ctx, request{path: []string{"api", "v2", "services"}}, &names)
	slices.Sort(names)
	return names, err
}

// search parses the parameters of Zipkin's API and of the pages of its UI.
func (a *Address) searchZipkin(values url.Values) error {
	q := &a.Query
	q.Service, q.Operation = values.Get("serviceName"), values.Get("spanName")
	if q.Service == "all" {
		q.Service = ""
	}
	if tags := tagsOf(values.Get("annotationQuery")); len(tags) > 0 {
		q.Tags = tags
	}
	p := parameters{values: values}
	p.parse("endTs", "milliseconds since 1970", func(s string) error {
		ms, err := strconv.ParseInt(s, 10, 64)
		q.End = time.UnixMilli(ms)
		return err
	})
	p.parse("lookback", "milliseconds, or a duration such as 15m", func(s string) (err error) {
		q.Lookback, err = numberOr(s, time.Millisecond)
		return err
	})
	p.parse("minDuration", "microseconds, or a duration such as 100ms", func(s string) (err error) {
		q.MinDuration, err = numberOr(s, time.Microsecond)
		return err
	})
	p.parse("maxDuration", "microseconds, or a duration such as 100ms", func(s string) (err error) {
		q.MaxDuration, err = numberOr(s, time.Microsecond)
		return err
	})
	p.parse("limit", "a number", p.number(&q.Limit))
	return p.err
}

// numberOr parses a number of units, or a duration.
func numberOr(text string, unit time.Duration) (time.Duration, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(n) * unit, nil
	}
	return ParseLookback(text)
}
