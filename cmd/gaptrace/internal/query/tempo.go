package query

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// tempo asks Grafana Tempo. Its search returns only trace ids, so each trace needs a further
// request.
type tempo struct {
	*caller
	traceQL string // replaces the query's service, operation, tags and durations, unless ""
}

func (t *tempo) Find(ctx context.Context, q Query, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		ids, invalid := t.search(ctx, q)
		for spans, err := range t.Traces(ctx, ids, opts...) {
			if !yield(spans, err) {
				return
			}
		}
		if invalid != nil {
			yield(nil, invalid)
		}
	}
}

// search returns the ids of the traces that q asks for. An error may come with ids: it names the
// first invalid one of the answer.
func (t *tempo) search(ctx context.Context, q Query) (ids []gap.TraceID, err error) {
	start, end := period(q)
	r := request{[]string{"api", "search"}, url.Values{
		"q":     {cmp.Or(t.traceQL, traceQL(q))},
		"start": {strconv.FormatInt(start.Unix(), 10)},
		"end":   {strconv.FormatInt(end.Unix()+1, 10)}, // whole seconds
		"limit": {strconv.Itoa(cmp.Or(q.Limit, defaultLimit))},
	}}
	var answer struct {
		Traces []struct{ TraceID string }
	}
	if err := t.json(ctx, r, &answer); err != nil {
		return nil, err
	}
	var invalid []string
	for _, found := range answer.Traces {
		id, err := gap.ParseTraceID(found.TraceID)
		if err != nil || id == (gap.TraceID{}) {
			invalid = append(invalid, found.TraceID)
		} else {
			ids = append(ids, id)
		}
	}
	if len(invalid) == 0 {
		return ids, nil
	}
	err = fmt.Errorf("%s: invalid traceID %q", t.request(r).Name(), shown(invalid[0]))
	if more := len(invalid) - 1; more > 0 {
		err = fmt.Errorf("%w (and %d more such %s)", err, more, printable.Plural(more, "ID"))
	}
	return ids, err
}

// traceQL returns a query in Tempo's language.
func traceQL(q Query) string {
	var terms []string
	add := func(format string, args ...any) { terms = append(terms, fmt.Sprintf(format, args...)) }
	if q.Service != "" {
		add("resource.service.name = %s", quoted(q.Service))
	}
	if q.Operation != "" {
		add("name = %s", quoted(q.Operation))
	}
	for _, key := range slices.Sorted(maps.Keys(q.Tags)) {
		add("%s", tagTerm(key, q.Tags[key]))
	}
	if q.MinDuration > 0 {
		add("duration >= %s", q.MinDuration)
	}
	if q.MaxDuration > 0 {
		add("duration <= %s", q.MaxDuration)
	}
	if len(terms) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(terms, " && ") + " }"
}

// tagTerm returns the condition that an attribute of the span or the resource has a value. TraceQL
// compares values of the same type only, and --tag has no types.
func tagTerm(key, value string) string {
	name := "." + key
	if strings.ContainsFunc(key, func(c rune) bool { return strings.ContainsRune(" \"\\{}()=~!<>&|^,", c) }) {
		name = "." + quoted(key)
	}
	terms := []string{name + " = " + quoted(value)}
	if _, err := strconv.ParseFloat(value, 64); err == nil && strings.Trim(value, "0123456789.-") == "" {
		terms = append(terms, name+" = "+value)
	}
	if value == "true" || value == "false" {
		terms = append(terms, name+" = "+value)
		if key == "error" && value == "true" {
			terms = append(terms, "status = error")
		}
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return "(" + strings.Join(terms, " || ") + ")"
}

// quoted returns a string of TraceQL.
func quoted(text string) string { return strconv.Quote(text) }

func (t *tempo) Traces(ctx context.Context, ids []gap.TraceID, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	var requests []request
	for _, id := range ids {
		requests = append(requests, request{path: []string{"api", "traces", id.String()}})
	}
	return t.spans(ctx, requests, opts)
}

func (t *tempo) Services(ctx context.Context) ([]string, error) {
	var answer struct{ TagValues []string }
	err := t.json(ctx, request{path: []string{"api", "search", "tag", "service.name", "values"}}, &answer)
	slices.Sort(answer.TagValues)
	return answer.TagValues, err
}

// searchTempo parses the parameters of Tempo's search.
func (a *Address) searchTempo(values url.Values) error {
	a.TraceQL = values.Get("q")
	p := parameters{values: values}
	seconds := func(to *time.Time) func(string) error {
		return func(s string) error {
			n, err := strconv.ParseInt(s, 10, 64)
			*to = time.Unix(n, 0)
			return err
		}
	}
	p.parse("start", "seconds since 1970", seconds(&a.Query.Start))
	p.parse("end", "seconds since 1970", seconds(&a.Query.End))
	p.parse("limit", "a number", p.number(&a.Query.Limit))
	return p.err
}
