package query

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/httpget"
)

// jaegerV3 asks Jaeger by its API v3, which answers with OTLP.
type jaegerV3 struct {
	*caller
	raw bool
}

func (j *jaegerV3) Find(ctx context.Context, q Query, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	values := url.Values{}
	set := func(key, value string, needed bool) {
		if needed {
			values.Set("query."+key, value)
		}
	}
	start, end := period(q)
	limit := strconv.Itoa(cmp.Or(q.Limit, defaultLimit))
	set("service_name", q.Service, true)
	set("operation_name", q.Operation, q.Operation != "")
	set("start_time_min", start.UTC().Format(time.RFC3339Nano), true)
	set("start_time_max", end.UTC().Format(time.RFC3339Nano), true)
	set("duration_min", q.MinDuration.String(), q.MinDuration > 0)
	set("duration_max", q.MaxDuration.String(), q.MaxDuration > 0)
	set("search_depth", limit, true)
	set("num_traces", limit, true) // the name before Jaeger 1.60
	return func(yield func([]gap.Span, error) bool) {
		for i, attributes := range attributeForms(q.Tags) {
			asked := maps.Clone(values)
			maps.Copy(asked, attributes)
			refused := false
			for spans, err := range j.spans(ctx, []request{{[]string{"api", "v3", "traces"}, asked}}, opts) {
				if isNothingFound(err) {
					return
				}
				if refused = i == 0 && len(q.Tags) > 0 && status(err) == http.StatusBadRequest; refused {
					break
				}
				if !yield(spans, err) {
					return
				}
			}
			if !refused {
				return
			}
		}
	}
}

// attributeForms returns the parameters for tags in the two forms that Jaeger has had: a JSON
// object, and before that a parameter for each. It refuses the other one.
func attributeForms(tags map[string]string) (forms [2]url.Values) {
	forms[0], forms[1] = url.Values{}, url.Values{}
	if len(tags) > 0 {
		object, _ := json.Marshal(tags) // which cannot fail
		forms[0].Set("query.attributes", string(object))
	}
	for key, value := range tags {
		forms[1].Set("query.attributes["+key+"]", value)
	}
	return forms
}

// isNothingFound reports whether an answer to a search says that it has found nothing: the API v3
// answers 404 then, as if there were no such page.
func isNothingFound(err error) bool {
	e, ok := errors.AsType[*httpget.StatusError](err)
	return ok && e.Code == http.StatusNotFound && bytes.HasPrefix(bytes.TrimSpace(e.Text), []byte("{"))
}

func (j *jaegerV3) Traces(ctx context.Context, ids []gap.TraceID, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	values := url.Values{}
	if j.raw {
		values.Set("raw_traces", "true")
	}
	var requests []request
	for _, id := range ids {
		requests = append(requests, request{[]string{"api", "v3", "traces", id.String()}, values})
	}
	return j.spans(ctx, requests, opts)
}

func (j *jaegerV3) Services(ctx context.Context) ([]string, error) {
	var answer struct{ Services []string }
	err := j.json(ctx, request{path: []string{"api", "v3", "services"}}, &answer)
	slices.Sort(answer.Services)
	return answer.Services, err
}

// failed yields an error.
func failed(err error) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) { yield(nil, err) }
}
