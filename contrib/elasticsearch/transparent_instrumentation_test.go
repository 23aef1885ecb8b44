package gapes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
)

// journal is an instrumentation that writes down how it is called. It marks the contexts that it
// returns.
type journal struct{ lines []string }

type mark struct{}

func (j *journal) note(ctx context.Context, format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf("marked %v: ", ctx.Value(mark{}))+fmt.Sprintf(format, args...))
}

func (j *journal) Start(ctx context.Context, name string) context.Context {
	j.note(ctx, "Start %s", name)
	return context.WithValue(ctx, mark{}, true)
}
func (j *journal) Close(ctx context.Context)                  { j.note(ctx, "Close") }
func (j *journal) RecordError(ctx context.Context, err error) { j.note(ctx, "RecordError %v", err) }
func (j *journal) RecordPathPart(ctx context.Context, part, value string) {
	j.note(ctx, "RecordPathPart %s=%s", part, value)
}

func (j *journal) RecordRequestBody(ctx context.Context, endpoint string, body io.Reader) io.ReadCloser {
	text, _ := io.ReadAll(orEmpty(body))
	j.note(ctx, "RecordRequestBody %s %s", endpoint, text)
	return io.NopCloser(strings.NewReader(string(text)))
}

func (j *journal) BeforeRequest(req *http.Request, endpoint string) {
	j.note(req.Context(), "BeforeRequest %s %s", endpoint, req.URL)
}

func (j *journal) AfterRequest(req *http.Request, system, endpoint string) {
	j.note(req.Context(), "AfterRequest %s %s %s", system, endpoint, req.URL)
}

func (j *journal) AfterResponse(ctx context.Context, res *http.Response) {
	j.note(ctx, "AfterResponse %d", res.StatusCode)
}

func TestTransparentInstrumentation(t *testing.T) {
	status := map[string]int{"well": 200, "badly": 400, "never": 0}
	for name, status := range status {
		t.Run(name, func(t *testing.T) {
			eachTracer(t, func(t *testing.T, ctx context.Context, wrap wrapFunc) string {
				var sent []string
				j := &journal{}
				cfg := elasticsearch.Config{
					Instrumentation: j, DisableRetry: true,
					Transport: network(func(req *http.Request) (*http.Response, error) {
						text, _ := io.ReadAll(orEmpty(req.Body))
						sent = append(sent, string(text))
						if status == 0 {
							return nil, errors.New("refused")
						}
						return answer(status, strings.NewReader(`{"error":{"type":"t","reason":"r"}}`)), nil
					}),
				}
				plain, typed := newClient(t, cfg), newTyped(t, cfg)
				plain.Transport, typed.Transport = wrap(plain.Transport), wrap(typed.Transport)

				res, err := plain.Search(plain.Search.WithContext(ctx), plain.Search.WithIndex("a", "b"),
					plain.Search.WithBody(strings.NewReader("{q}")))
				_, err2 := typed.Search().Index("a").Query(types.NewQuery()).Do(ctx)
				_, err3 := typed.Exists("a", "1").IsSuccess(ctx)
				return fmt.Sprintln(res, err, err2, err3, strings.Join(append(j.lines, sent...), "\n"))
			})
		})
	}
}

// startless is an instrumentation whose Start returns no context. The client then uses the
// caller's.
type startless struct{ *journal }

func (startless) Start(context.Context, string) context.Context { return nil }
func (startless) Close(ctx context.Context) {
	if ctx != nil {
		panic("Close got a context that Start did not give")
	}
}

func TestTransparentInstrumentationWithoutContext(t *testing.T) {
	eachTracer(t, func(t *testing.T, ctx context.Context, wrap wrapFunc) string {
		j := &journal{}
		c := newClient(t, elasticsearch.Config{Instrumentation: startless{j}, Transport: fromMemory{}})
		c.Transport = wrap(c.Transport)
		res, err := c.Info(c.Info.WithContext(ctx))
		return fmt.Sprintln(res, err, j.lines)
	})
	c := gapes.Wrap(newClient(t,
		elasticsearch.Config{Instrumentation: startless{&journal{}}, Transport: fromMemory{}}),
		gaptrace.WithRoots())
	if _, err := c.Info(); err != nil { // without a context at all
		t.Error(err)
	}
}
