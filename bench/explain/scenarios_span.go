package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/opentracing/opentracing-go"
)

var spanScenarios = []scenario{
	{
		name:   "window",
		about:  "computes and sleeps for longer than the flight recorder keeps",
		truth:  "the clocks of the handler; before the first moment of the recording, nothing is observed",
		few:    true,
		window: 100 * time.Millisecond,
		open: func(*stage) (*opened, error) {
			return &opened{handle: func(r *request) error {
				for start := time.Now(); time.Since(start) < longRequest; {
					r.burn(r.duration())
					r.sleep(r.duration())
				}
				return nil
			}}, nil
		},
	},
	{
		name:  "server",
		about: "a handler of net/http's server, wrapped as its client is; sleeps",
		truth: "the clocks of the handler",
		open:  openServer,
	},
	{
		name:  "outlived",
		about: "sleeps, and starts goroutines that outlive the request",
		truth: "the clocks of the handler",
		open: func(on *stage) (*opened, error) {
			return &opened{op: func(r *request, d time.Duration) error {
				later := r.task(2 * r.longest)
				r.background.Go(func() { later.run(on) })
				r.sleep(d)
				return nil
			}}, nil
		},
	},
	{
		name:  "finished elsewhere",
		about: "sleeps; one other goroutine finishes the spans of all requests",
		truth: "the clocks of the handler",
		why: "a mark names the goroutine that finished the span; which one worked for it is not always known if requests" +
			" come at the same time, or at the start of the recording",
		atOnce: 2,
		open:   openElsewhere,
	},
}

func openServer(on *stage) (*opened, error) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 2 { // the client waits for the headers, and again for the rest of the body
			time.Sleep(time.Millisecond)
			_, _ = io.WriteString(w, "answer")
			_ = http.NewResponseController(w).Flush() // a client that hangs up reports it
		}
	}))
	client := nethttp.WrapClient(&http.Client{Transport: &http.Transport{}}, gaptrace.WithTracer(on.tracer))
	var handle func(context.Context)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { handle(r.Context()) })
	server := httptest.NewServer(nethttp.WrapHandler(handler, gaptrace.WithTracer(on.tracer)))
	get := func(ctx context.Context, client *http.Client, url string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return &opened{
		op: func(r *request, d time.Duration) error {
			r.sleep(d)
			return nil
		},
		serve: func(r *request, work func() error) error {
			var err error
			handle = func(ctx context.Context) {
				r.span = opentracing.SpanFromContext(ctx)
				r.client = func() error { return get(ctx, client, upstream.URL) }
				err = work()
			}
			return errors.Join(get(context.Background(), server.Client(), server.URL), err)
		},
		close: func() {
			client.CloseIdleConnections()
			server.Close()
			upstream.Close()
		},
	}, nil
}

func openElsewhere(*stage) (*opened, error) {
	type end struct {
		finish func()
		done   chan bool
	}
	ends := make(chan end)
	go func() {
		for e := range ends {
			e.finish()
			close(e.done)
		}
	}()
	return &opened{
		op: func(r *request, d time.Duration) error {
			r.sleep(d)
			return nil
		},
		serve: func(r *request, work func() error) error {
			r.start()
			handled := make(chan error, 1)
			go func() { // the goroutine that works for the span is created while the span lasts
				err := work()
				e := end{r.finish, make(chan bool)}
				ends <- e
				<-e.done
				handled <- err
			}()
			return <-handled
		},
		close: func() { close(ends) },
	}, nil
}

// longRequest is how long a request of the scenario "window" lasts.
const longRequest = 5 * time.Second
