package wraptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/wrap"
	"github.com/opentracing/opentracing-go"
)

// store is a client. Every method blocks for a second before it answers.
type store interface {
	Get(ctx context.Context, key string) (string, error)
	List(ctx context.Context) (list, error)
}

// list returns an item at each Next, and io.EOF at its end.
type list interface{ Next() (string, error) }

var errMissing = errors.New("missing")

type library struct{ pause time.Duration }

func (l library) Get(ctx context.Context, key string) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	time.Sleep(l.pause)
	switch key {
	case "panic":
		panic("library")
	case "goexit":
		runtime.Goexit()
	case "missing":
		return "", fmt.Errorf("get: %w", errMissing)
	}
	return "value of " + key, nil
}

func (l library) List(ctx context.Context) (list, error) {
	time.Sleep(l.pause)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return &items{l.pause, []string{"a", "b"}}, nil
}

type items struct {
	pause time.Duration
	left  []string
}

func (i *items) Next() (string, error) {
	time.Sleep(i.pause)
	if len(i.left) == 0 {
		return "", io.EOF
	}
	item := i.left[0]
	i.left = i.left[1:]
	return item, nil
}

// wrapped is a wrapper, of which a fault makes a bad one.
type wrapped struct {
	library
	wrapper *wrap.Wrapper
	fault   string
	trusted opentracing.Tracer // of a wrapper that does without package wrap
}

func (w *wrapped) Get(ctx context.Context, key string) (value string, err error) {
	switch w.fault {
	case "trusts the tracer":
		span := w.trusted.StartSpan("store get", opentracing.ChildOf(opentracing.SpanFromContext(ctx).Context()))
		defer span.Finish()
		return w.library.Get(ctx, key)
	case "starts traces":
		w.trusted.StartSpan("store get").Finish()
	case "finishes twice":
		if parent := opentracing.SpanFromContext(ctx); parent != nil {
			span := parent.Tracer().StartSpan("store get", opentracing.ChildOf(parent.Context()))
			defer span.Finish()
			defer span.Finish()
		}
	case "records nothing":
		return w.library.Get(ctx, key)
	case "recovers":
		defer func() { recover() }()
	case "loses the context":
		ctx = context.WithoutCancel(ctx)
	}
	call := w.start(ctx, "get")
	if w.fault != "forgets panics" && w.fault != "forgets errors" {
		defer call.Unwound()
	}
	if w.fault == "records secrets" {
		call.Statement("get " + key)
	}
	call.Open(ctx)
	value, err = w.library.Get(ctx, key)
	switch {
	case err != nil && w.fault == "forgets errors":
		return value, err
	case err != nil && w.fault == "replaces errors":
		err = errors.New(err.Error())
	case err != nil && w.fault == "records errors":
		call.Finish(fmt.Errorf("get %s: %w", key, err))
	}
	call.Finish(err)
	if w.fault == "returns late" {
		time.Sleep(time.Second)
	}
	return value, err
}

func (w *wrapped) start(ctx context.Context, operation string) *wrap.Call {
	return w.wrapper.Start(ctx, func() gaptrace.Call {
		return gaptrace.Call{Component: "store", Operation: "store " + operation}
	})
}

func (w *wrapped) List(ctx context.Context) (list, error) {
	if w.fault == "records nothing" {
		return w.library.List(ctx)
	}
	call := w.start(ctx, "list")
	defer call.Unwound()
	call.Open(ctx)
	got, err := w.library.List(ctx)
	if err != nil {
		call.Finish(err)
		return got, err
	}
	l := &wrappedList{got, call, w.fault}
	if w.fault == "covers work" || !call.Answered("rows") {
		return l, nil
	}
	if w.fault != "forgets results" {
		wrap.Watch(call, l)
	}
	return l, nil
}

type wrappedList struct {
	list
	call  *wrap.Call
	fault string
}

func (l *wrappedList) Next() (item string, err error) {
	if l.fault == "misses waits" {
		item, err = l.list.Next()
	} else {
		wait := l.call.Wait()
		defer wait.Unwound()
		item, err = l.list.Next()
		wait.Done(1)
	}
	if err != nil {
		l.call.Finish(nil)
	}
	if l.fault == "replaces results" {
		item += "!"
	}
	return item, err
}

func storeWith(fault string) Client[store] {
	return Client[store]{
		New: func(*testing.T) store { return library{time.Second} },
		Wrap: func(raw store, opts ...gaptrace.Option) store {
			return &wrapped{
				library: raw.(library), wrapper: wrap.New("store", opts...), fault: fault,
				trusted: options.NewConfig(opts...).Tracer,
			}
		},
		Uses:   storeUses,
		Secret: "hunter2",
		Errors: []error{errMissing, context.Canceled},
	}
}

var storeUses = map[string]func(*Session, store){
	"get": func(s *Session, c store) {
		s.Work()
		value, err := c.Get(s.Context(), "hunter2")
		s.Work()
		s.Note("get", value, err)
	},
	"get of none": func(s *Session, c store) {
		value, err := c.Get(s.Context(), "missing")
		s.Note("get", value, err)
	},
	"panic":  func(s *Session, c store) { c.Get(s.Context(), "panic") },
	"goexit": func(s *Session, c store) { c.Get(s.Context(), "goexit") },
	"list": func(s *Session, c store) {
		l, err := c.List(s.Context())
		for err == nil {
			s.Work()
			var item string
			item, err = l.Next()
			s.Note("item", item, err)
		}
	},
	"abandoned list": func(s *Session, c store) {
		l, err := c.List(s.Context())
		s.Note("list", err)
		s.Work()
		if err == nil {
			item, err := l.Next()
			s.Note("item", item, err)
		}
		s.Work()
	},
}

func TestCheck(t *testing.T) { Check(t, storeWith("")) }

// TestCheckFindsFaults shows that Check fails for a wrapper that breaks a promise.
func TestCheckFindsFaults(t *testing.T) {
	defer func(saved time.Duration) { settleTime = saved }(settleTime)
	settleTime = 100 * time.Millisecond // no garbage collection mends these faults
	for fault, test := range map[string]struct{ use, problem string }{
		"replaces errors":   {"get of none", "raw:"},
		"recovers":          {"panic", "raw:"},
		"loses the context": {"get", "raw:"},
		"returns late":      {"get", "law of the gap: the program waited 1s–3s, its spans cover 1s–2s"},
		"covers work":       {"list", "law of the gap: the program waited 0s–1s, "},
		"misses waits":      {"list", "law of the gap: the program waited 0s–1s, 2s–3s, 4s–5s, 6s–7s, its spans cover 0s–1s"},
		"forgets panics":    {"goexit", "never finished"},
		"forgets errors":    {"get of none", "never finished"},
		"forgets results":   {"abandoned list", "never finished"},
		"finishes twice":    {"get", "Finish after Finish"},
		"starts traces":     {"get", "starts a trace"},
		"records secrets":   {"get", "db.statement holds the secret"},
		"trusts the tracer": {"get", "StartSpan panics: raw:"},
	} {
		t.Run(fault, func(t *testing.T) {
			problems, _ := storeWith(fault).check(t, storeUses[test.use])
			if all := strings.Join(problems, "\n"); !strings.Contains(all, test.problem) {
				t.Errorf("want a problem %q, got:\n%s", test.problem, all)
			}
		})
	}
	for fault, want := range map[string]bool{"": true, "records nothing": false} {
		if _, recorded := storeWith(fault).check(t, storeUses["get"]); (recorded > 0) != want {
			t.Errorf("%q: %d spans are recorded", fault, recorded)
		}
	}
}

// observeStore is for Compare.
func observeStore(fault string) func(*testing.T, context.Context, ...gaptrace.Option) string {
	return func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string {
		c := store(library{})
		if opts != nil {
			c = storeWith(fault).Wrap(c, opts...)
		}
		l, err := c.List(ctx)
		item, nextErr := l.Next()
		return fmt.Sprint(err, item, nextErr)
	}
}

func TestCompare(t *testing.T) {
	Compare(t, observeStore(""))
	defer func(saved time.Duration) { settleTime = saved }(settleTime)
	settleTime = 100 * time.Millisecond
	for fault, problem := range map[string]string{
		"forgets results": "never finished", "replaces results": "raw:", "records nothing": "no span is recorded",
	} {
		observe := observeStore(fault)
		problems := situations()[0].compare(t, observe(t, t.Context()), observe)
		if all := strings.Join(problems, "\n"); !strings.Contains(all, problem) {
			t.Errorf("%s: want a problem %q, got:\n%s", fault, problem, all)
		}
	}
}
