package wrap_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/wrap"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/mocktracer"
)

// shelf is an in-house client.
type shelf struct{}

func (shelf) Get(_ context.Context, key string) (string, error) { return "value of " + key, nil }

func (shelf) List(context.Context) (*items, error) { return &items{[]string{"a", "b"}}, nil }

func (shelf) Download(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("content")), nil
}

// items is the result of List. Next blocks until the next item has come.
type items struct{ left []string }

func (i *items) Next() (string, error) {
	if len(i.left) == 0 {
		return "", io.EOF
	}
	item := i.left[0]
	i.left = i.left[1:]
	return item, nil
}

// tracedShelf is a shelf whose calls are recorded.
type tracedShelf struct {
	shelf
	wrapper *wrap.Wrapper
}

func wrapShelf(s shelf, opts ...gaptrace.Option) *tracedShelf {
	return &tracedShelf{s, wrap.New("shelf", opts...)}
}

func (s *tracedShelf) start(ctx context.Context, operation string, request any) *wrap.Call {
	return s.wrapper.Start(ctx, func() gaptrace.Call {
		return gaptrace.Call{Component: "shelf", Operation: "shelf " + operation, Request: request}
	})
}

func (s *tracedShelf) Get(ctx context.Context, key string) (string, error) {
	call := s.start(ctx, "get", key)
	defer call.Unwound()
	value, err := s.shelf.Get(ctx, key)
	call.Finish(err)
	return value, err
}

func (s *tracedShelf) Download(ctx context.Context, key string) (io.ReadCloser, error) {
	call := s.start(ctx, "download", key)
	defer call.Unwound()
	body, err := s.shelf.Download(ctx, key)
	if err != nil {
		call.Finish(err)
		return body, err
	}
	return call.Body(body), nil
}

// A call of one wait.
func Example() {
	tracer := mocktracer.New() // any opentracing.Tracer; without WithTracer it is the global one
	client := wrapShelf(shelf{}, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	fmt.Println(client.Get(context.Background(), "k"))
	printSpans(tracer)
	// Output:
	// value of k <nil>
	// shelf get
}

func ExampleCall_Body() {
	tracer := mocktracer.New()
	client := wrapShelf(shelf{}, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	body, err := client.Download(context.Background(), "k")
	content, readErr := io.ReadAll(body) // at its end, the call finishes
	fmt.Println(string(content), err, readErr)
	printSpans(tracer, "bytes")
	// Output:
	// content <nil> <nil>
	// shelf download bytes=7
}

// A result that is consumed item by item: each Next may be a wait.
func ExampleCall_Wait() {
	tracer := mocktracer.New()
	client := wrapShelf(shelf{}, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	list, err := client.List(context.Background())
	for err == nil {
		var item string
		if item, err = list.Next(); err == nil {
			fmt.Println(item)
		}
	}
	printSpans(tracer, "rows")
	// Output:
	// a
	// b
	// shelf list rows=2
}

func (s *tracedShelf) List(ctx context.Context) (*tracedItems, error) {
	call := s.start(ctx, "list", nil)
	defer call.Unwound()
	list, err := s.shelf.List(ctx)
	if err != nil {
		call.Finish(err)
		return nil, err
	}
	result := &tracedItems{list, call}
	if call.Answered("rows") {
		wrap.Watch(call, result)
	}
	return result, nil
}

type tracedItems struct {
	items *items
	call  *wrap.Call
}

func (i *tracedItems) Next() (string, error) {
	wait := i.call.Wait()
	defer wait.Unwound()
	item, err := i.items.Next()
	switch err {
	case nil:
		wait.Done(1)
	case io.EOF:
		wait.Done(0)
		i.call.Finish(nil)
	default:
		wait.Done(0)
		i.call.Finish(err)
	}
	return item, err
}

// A message carries the span of its producer to its consumer.
func ExampleWrapper_Send() {
	tracer := mocktracer.New()
	w := wrap.New("queue", gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	ctx := context.Background()

	headers := opentracing.TextMapCarrier{}
	call := w.Send(ctx, ext.SpanKindProducerEnum, func() gaptrace.Call {
		return gaptrace.Call{Component: "queue", Operation: "queue send"}
	})
	call.Open(ctx)
	call.Inject(opentracing.TextMap, headers)
	call.Finish(nil)

	served := w.Serve(ctx, ext.SpanKindConsumerEnum,
		gaptrace.Call{Component: "queue", Operation: "queue handle"}, opentracing.TextMap, headers)
	served.Open(ctx) // the context of the handler
	served.Finish(nil)
	printSpans(tracer, "span.kind")
	// Output:
	// queue send span.kind=producer
	// queue handle span.kind=consumer
}

// printSpans prints the operations of the finished spans, with some of their tags.
func printSpans(tracer *mocktracer.MockTracer, tags ...string) {
	for _, span := range tracer.FinishedSpans() {
		fmt.Print(span.OperationName)
		for _, tag := range tags {
			fmt.Printf(" %s=%v", tag, span.Tag(tag))
		}
		fmt.Println()
	}
}
