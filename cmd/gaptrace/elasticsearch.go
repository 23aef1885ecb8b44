package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/query"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
)

// elasticsearchOptions are the values of the flags for Jaeger's spans in Elasticsearch.
type elasticsearchOptions struct {
	url, index string
	slice      slice
}

// slice is the value of the flag --slice, which selects one of several parts.
type slice query.Slice

func (s *slice) String() string { return "" }
func (s *slice) Type() string   { return "slice" }

func (s *slice) Set(text string) error {
	part, of, ok := strings.Cut(text, "/")
	i, err := strconv.Atoi(part)
	n, err2 := strconv.Atoi(of)
	if !ok || err != nil || err2 != nil || i < 0 || i >= n || n > query.MaxSlices {
		return fmt.Errorf("want I/N, such as 0/4 for the first of four; N is at most %d", query.MaxSlices)
	}
	*s = slice{i, n}
	return nil
}

// addElasticsearchFlags defines the flags for Jaeger's spans in Elasticsearch.
func (o *rollupOptions) addElasticsearchFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.elasticsearch.url, "elasticsearch", "", "read Jaeger's spans from the Elasticsearch at `URL`; credentials "+
		"are in ES_API_KEY, or in ES_USERNAME and ES_PASSWORD, or in files that ES_API_KEY_FILE or ES_PASSWORD_FILE name")
	f.StringVar(&o.elasticsearch.index, "index", "jaeger-span-*", "read the indices that match `PATTERN`, with --elasticsearch")
	if c.Name() == "spans" {
		f.Var(&o.elasticsearch.slice, "slice", "read only this `SLICE`, with --elasticsearch: 0/4 to 3/4 are all spans")
	}
}

// checkElasticsearch refuses flags that need --elasticsearch.
func (o *rollupOptions) checkElasticsearch(given func(flag string) bool) error {
	if given("elasticsearch") {
		return nil
	}
	for _, flag := range []string{"index", "slice"} {
		if given(flag) {
			return usagef("--%s applies to --elasticsearch", flag)
		}
	}
	return nil
}

// sources returns a source for each argument, and one for --elasticsearch.
func (o *rollupOptions) sources(ctx context.Context, args []string, stdin io.Reader) ([]source, error) {
	all, err := o.options.sources(ctx, args, stdin)
	if err != nil || o.elasticsearch.url == "" {
		return all, err
	}
	s, err := o.elasticsearchSource(os.Getenv)
	return append(all, s), err
}

func (o *rollupOptions) elasticsearchSource(getenv func(string) string) (source, error) {
	e, err := query.ParseElasticsearch(o.elasticsearch.url)
	if err != nil {
		return source{}, usagef("invalid value for --elasticsearch: %w", err)
	}
	if err := query.CheckIndex(o.elasticsearch.index); err != nil {
		return source{}, usagef("invalid value for --index: %w", err)
	}
	headers := o.headers
	if e.User == nil && !slices.ContainsFunc(headers, query.Header.Authorizes) {
		user, header, err := elasticsearchCredentials(getenv)
		if err != nil {
			return source{}, err
		}
		if e.User = user; header != nil {
			headers = append(headers[:len(headers):len(headers)], *header)
		}
	}
	e.HTTP, e.Timeout = query.WithHeaders(headers, e.URL), o.timeout
	e.Index, e.Slice = o.elasticsearch.index, query.Slice(o.elasticsearch.slice)
	if w := o.window(); w.Grace > 0 { // otherwise spans of any time may belong to traces of the window
		if !w.From.IsZero() {
			e.From = w.From.Add(-w.Grace)
		}
		if !w.To.IsZero() {
			e.To = w.To.Add(w.Grace)
		}
	}
	return source{
		name: e.URL.String(),
		read: func(ctx context.Context, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
			return func(yield func([]gap.Span, error) bool) {
				for spans, err := range e.Spans(ctx, opts...) {
					if !yield(spans, redactHeaders(headers, err)) {
						return
					}
				}
			}
		},
	}, nil
}

// elasticsearchCredentials returns the credentials in the environment, whose variables have the
// names that Jaeger uses. It returns an API key as a header.
func elasticsearchCredentials(getenv func(string) string) (*url.Userinfo, *query.Header, error) {
	secret := func(name string) (string, error) {
		value, file := getenv(name), getenv(name+"_FILE")
		switch {
		case value != "" && file != "":
			return "", usagef("%[1]s and %[1]s_FILE are both set", name)
		case file == "":
			return value, nil
		}
		content, err := os.ReadFile(file)
		if value = strings.TrimSpace(string(content)); err == nil && value == "" {
			err = fmt.Errorf("%s is empty", file)
		}
		if err != nil {
			return "", fmt.Errorf("%s_FILE: %w", name, err)
		}
		return value, nil
	}
	key, err := secret("ES_API_KEY")
	if err != nil {
		return nil, nil, err
	}
	password, err := secret("ES_PASSWORD")
	if err != nil {
		return nil, nil, err
	}
	switch user := getenv("ES_USERNAME"); {
	case key != "":
		h, err := query.ParseHeader("Authorization: ApiKey " + key)
		if err != nil {
			return nil, nil, errors.New("ES_API_KEY has a control character or more than one line")
		}
		return nil, &h, nil
	case user != "" && password != "":
		return url.UserPassword(user, password), nil, nil
	case user != "" || password != "":
		return nil, nil, usagef("ES_USERNAME and ES_PASSWORD are credentials only together; %s is not set",
			cmp.Or(map[bool]string{true: "ES_USERNAME"}[user == ""], "ES_PASSWORD"))
	}
	return nil, nil, nil
}
