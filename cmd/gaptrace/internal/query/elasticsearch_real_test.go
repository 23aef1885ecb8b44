package query

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
)

// TestSlicesOfElasticsearch expects each span in one slice, as Jaeger's query service answers it.
// Jaeger makes indices with five shards.
func TestSlicesOfElasticsearch(t *testing.T) {
	base := servers.Elasticsearch(t)
	for _, flags := range [][]string{
		{"--es.index-prefix=array"}, {"--es.index-prefix=fields", "--es.tags-as-fields.all=true"},
	} {
		_, prefix, _ := strings.Cut(flags[0], "=")
		t.Run(prefix, func(t *testing.T) {
			jaeger := servers.JaegerOnElasticsearch(t, base, flags...)
			const traces = 100
			sendTo(t, jaeger, traces)
			e := elasticsearch(t, base, prefix+"-jaeger-span-*")
			var want map[string]gap.Span
			for deadline := time.Now().Add(2 * time.Minute); len(want) < 3*traces; time.Sleep(100 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d spans", len(want))
				}
				post(t, base+"/"+prefix+"-*/_refresh", "")
				if indices := get(t, base+"/_resolve/index/"+prefix+"-jaeger-span-*"); strings.Contains(indices, `"name"`) {
					want, _ = spansOf(t, e, 1)
				}
			}
			a, err := Parse(jaeger.QueryURL)
			if err != nil {
				t.Fatal(err)
			}
			server, _, err := Open(t.Context(), a, Options{})
			if err != nil {
				t.Fatal(err)
			}
			answered := map[string]gap.Span{}
			for spans, err := range server.Find(t.Context(), Query{Service: "shop", Lookback: time.Hour, Limit: 2 * traces}) {
				if err != nil {
					t.Fatal(err)
				}
				add(t, answered, spans)
			}
			if !reflect.DeepEqual(want, answered) {
				t.Errorf("Elasticsearch has\n%v\nJaeger answers\n%v", want, answered)
			}
			for _, n := range []int{2, 7} {
				got, largest := spansOf(t, e, n)
				if !reflect.DeepEqual(got, want) || largest > 3*traces*2/3 {
					t.Errorf("%d slices: %d spans, %d in the largest; want %d", n, len(got), largest, len(want))
				}
			}
		})
	}
	t.Run("pages of several indices", func(t *testing.T) {
		const n = 12_000
		bulk(t, base, "paged-jaeger-span-1", n, 0)
		bulk(t, base, "paged-jaeger-span-2", n, 1)
		e := elasticsearch(t, base, "paged-*")
		all, _ := spansOf(t, e, 1)
		got, _ := spansOf(t, e, 3)
		if len(all) != n || !reflect.DeepEqual(got, all) {
			t.Errorf("%d spans, %d in slices, want %d", len(all), len(got), n)
		}
		starts := make([]time.Time, 0, n)
		for _, s := range all {
			starts = append(starts, s.Start)
		}
		slices.SortFunc(starts, time.Time.Compare)
		e.From, e.To = starts[n/4], starts[n/2]
		from, _ := slices.BinarySearchFunc(starts, e.From, time.Time.Compare)
		to, _ := slices.BinarySearchFunc(starts, e.To, time.Time.Compare)
		if got, _ := spansOf(t, e, 2); len(got) != to-from || to == from {
			t.Errorf("%d spans from %v to %v, want %d", len(got), e.From, e.To, to-from)
		}
	})
	t.Run("a point in time that is closed", func(t *testing.T) {
		e := elasticsearch(t, base, "paged-jaeger-span-1")
		e.HTTP = &http.Client{Transport: closing{base}}
		_, err := readSlice(t.Context(), e)
		want := "Elasticsearch answers 404: search_context_missing_exception: No search context found for id ["
		if err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasSuffix(err.Error(), "; the point in time is closed, since Elasticsearch was restarted, or no page was "+
				"read for 5m0s: run this slice again, and discard what it has written") {
			t.Error(err)
		}
	})
	t.Run("points in time are closed at the end", func(t *testing.T) {
		if open := get(t, base+"/_nodes/stats/indices/search?filter_path=nodes.*.indices.search.open_contexts"); !strings.Contains(open, `"open_contexts":0}`) {
			t.Error(open)
		}
	})
	for index, want := range map[string]string{
		"none-*":         " has no index none-*; check --index",
		"none":           "/none/_field_caps: Elasticsearch answers 404: index_not_found_exception: no such index [none]; check --index",
		"before-jaeger":  ": no Jaeger spans in before-jaeger, which lacks the field startTime; check --index",
		"*jaeger*,wrong": ": startTime has the type text in wrong, not long as Jaeger's template says; name the indices of Jaeger's spans with --index",
	} {
		if strings.Contains(index, "wrong") {
			post(t, base+"/wrong/_doc?refresh=true", `{"startTime":"yesterday"}`)
		}
		if _, err := readSlice(t.Context(), elasticsearch(t, base, index)); err == nil || err.Error() != base+want {
			t.Errorf("%s: %v, want %s", index, err, base+want)
		}
	}
}

// The distribution for integration tests can make no API keys.
func TestElasticsearchWithCredentials(t *testing.T) {
	const user, password = "ada", "lovelace-1815"
	base := servers.ElasticsearchSecured(t, user, password)
	withUser := strings.Replace(base, "://", "://"+user+":"+password+"@", 1)
	bulk(t, withUser, "jaeger-span-1", 100, 0)
	for name, test := range map[string]struct {
		user *url.Userinfo
		want string
	}{
		"user": {url.UserPassword(user, password), ""},
		"none": {nil, "401: security_exception: missing authentication credentials for REST request"},
		"a wrong password": {
			url.UserPassword(user, "wrong-password"), "401: security_exception: unable to authenticate user [ada] for REST request",
		},
	} {
		e := elasticsearch(t, base, "jaeger-span-1")
		e.User = test.user
		n, err := readSlice(t.Context(), e)
		if test.want == "" && (err != nil || n != 50) ||
			test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %d spans, %v; want %s", name, n, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// closing closes a point in time after its first page.
type closing struct{ base string }

func (c closing) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/_search") {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		if _, id, ok := strings.Cut(string(body), `"pit":{"id":"`); ok && bytes.Contains(body, []byte(`"search_after"`)) {
			id, _, _ = strings.Cut(id, `"`)
			req, err := http.NewRequestWithContext(req.Context(), http.MethodDelete, c.base+"/_pit", strings.NewReader(`{"id":"`+id+`"}`))
			if err != nil {
				return nil, err
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				return nil, err
			}
			res.Body.Close()
		}
	}
	return http.DefaultTransport.RoundTrip(req)
}

func elasticsearch(t *testing.T, base, index string) *Elasticsearch {
	t.Helper()
	e, err := ParseElasticsearch(base)
	if err != nil {
		t.Fatal(err)
	}
	e.Index = index
	return e
}

// readSlice returns the number of spans in a slice, and the only error.
func readSlice(ctx context.Context, e *Elasticsearch, opts ...read.Option) (n int, _ error) {
	for spans, err := range e.Spans(ctx, opts...) {
		if err != nil {
			return n, err
		}
		n += len(spans)
	}
	return n, nil
}

// spansOf returns the spans in all slices by their ids, and the size of the largest slice. No span
// may come twice.
func spansOf(t *testing.T, e *Elasticsearch, n int) (all map[string]gap.Span, largest int) {
	t.Helper()
	all = map[string]gap.Span{}
	for i := range n {
		before := len(all)
		e.Slice = Slice{i, n}
		for spans, err := range e.Spans(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			add(t, all, spans)
		}
		largest = max(largest, len(all)-before)
	}
	return all, largest
}

func add(t *testing.T, all map[string]gap.Span, spans []gap.Span) {
	t.Helper()
	for _, s := range spans {
		id := s.TraceID.String() + s.SpanID.String()
		if _, twice := all[id]; twice {
			t.Errorf("%s comes twice", id)
		}
		slices.SortFunc(s.Tags, func(a, b gap.Field) int { return strings.Compare(a.Key, b.Key) })
		slices.SortFunc(s.References, func(a, b gap.Reference) int { return int(a.Type) - int(b.Type) })
		p := *s.Process
		p.Tags = slices.SortedFunc(slices.Values(p.Tags), func(a, b gap.Field) int { return strings.Compare(a.Key, b.Key) })
		s.Process = &p
		all[id] = s
	}
}

// sendTo sends traces of three spans.
func sendTo(t *testing.T, jaeger servers.JaegerServer, traces int) {
	t.Helper()
	tr, closer, err := tracer.New("shop", tracer.WithCollector(jaeger.CollectorURL))
	if err != nil {
		t.Fatal(err)
	}
	for range traces {
		root := tr.StartSpan("GET /", ext.SpanKindRPCServer, opentracing.Tag{Key: "customer", Value: "acme"})
		call := tr.StartSpan("sql query", ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()))
		call.SetTag("wait.joined_us", int64(120))
		call.Finish()
		tr.StartSpan("sql query wait", opentracing.ChildOf(root.Context()), opentracing.FollowsFrom(call.Context())).Finish()
		root.Finish()
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
}

// bulk writes one of two parts of n spans into an index, in the form in which Jaeger does.
func bulk(t *testing.T, base, index string, n, part int) {
	t.Helper()
	var spans bytes.Buffer
	if err := manyspans.WriteStored(&spans, "realistic", n, 100, part, 2); err != nil {
		t.Fatal(err)
	}
	put(t, base+"/"+index, `{"settings":{"number_of_shards":3,"number_of_replicas":0},
		"mappings":{"dynamic":false,"properties":{"startTime":{"type":"long"}}}}`) // that of Jaeger has more
	var body strings.Builder
	for lines := bufio.NewScanner(&spans); lines.Scan(); {
		fmt.Fprintf(&body, "{\"index\":{}}\n%s\n", lines.Text())
	}
	answer := post(t, base+"/"+index+"/_bulk?refresh=true", body.String())
	if !strings.Contains(answer, `"errors":false`) {
		t.Fatal(answer)
	}
}

func put(t *testing.T, url, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text(t, res)
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return text(t, res)
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return text(t, res)
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s: %s, %v", res.Status, body, err)
	}
	return string(body)
}
