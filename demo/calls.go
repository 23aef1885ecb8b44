package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/demo/internal/bookshop"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
)

// atOnce is the number of concurrent requests that follow the single ones.
const atOnce = 4

// recording has the traces of all requests, and what the process did meanwhile.
type recording struct {
	single  int // number of requests one after the other; atOnce more were concurrent
	traces  [][]gap.Span
	runtime executionTrace
}

// tracers are the tracers of the services, and what they recorded.
type tracers struct {
	options  map[string]gaptrace.Option // by the name of the service
	recorder *tracer.Recorder
	jaeger   string // the URL of the collector, or ""
	close    closers
}

// openTracers opens the tracers. It runs before the servers start, because the environment may be
// invalid.
func openTracers(c config) (*tracers, error) {
	t := &tracers{
		options:  map[string]gaptrace.Option{},
		recorder: tracer.NewRecorder(c.requests + atOnce),
		jaeger:   c.jaeger,
	}
	for _, service := range []string{"browser", "bookshop", "supplier"} {
		option, closer, err := openTracer(service,
			tracer.WithRecorder(t.recorder), tracer.WithCollector(c.jaeger), tracer.WithExecutionTrace())
		if err != nil {
			return nil, errors.Join(err, t.close.close())
		}
		t.close.add(closer.Close)
		t.options[service] = option
	}
	return t, nil
}

// send closes the tracers, which sends the spans. A collector may never answer, so send returns
// when ctx ends.
func (t *tracers) send(ctx context.Context, stderr io.Writer) error {
	if t.jaeger != "" && ctx.Err() == nil {
		fmt.Fprintf(stderr, "sending the spans to %s (Ctrl-C to leave)\n", redacted(t.jaeger))
	}
	closed := make(chan error, 1)
	go func() { closed <- t.close.close() }()
	select {
	case err := <-closed:
		if err == nil && t.jaeger != "" {
			fmt.Fprintf(stderr, "sent %d traces\n", len(t.recorder.Traces()))
		}
		return err
	case <-ctx.Done():
		return nil
	}
}

// call starts the servers, calls the bookshop, and stops the servers.
func call(ctx context.Context, c config, t *tracers, stderr io.Writer) (recording, error) {
	var stop closers
	defer func() {
		if failed := stop.close(); failed != nil {
			fmt.Fprintf(stderr, "demo: while cleaning up: %v\n", failed)
		}
	}()

	at, err := startServers(ctx, c, &stop, stderr)
	if err != nil {
		return recording{}, err
	}
	shop, err := openShop(ctx, at, t.options, &stop, stderr)
	if err != nil {
		return recording{}, err
	}
	visitor := browser(t.options["browser"])
	stop.add(func() error { visitor.CloseIdleConnections(); return nil })

	r := recording{single: c.requests}
	r.runtime.start()
	defer r.runtime.stop()
	err = progress(stderr, fmt.Sprintf("requests: %d single, %d at once", c.requests, atOnce), func() error {
		return visit(ctx, visitor, shop, c.requests)
	})
	if err == nil {
		err = stop.close() // waits for the handlers, whose spans end a little after the answer
	}
	r.runtime.stop()
	r.traces = t.recorder.Traces()
	return r, err
}

// openShop writes the shop's data, opens the supplier and then the shop, and returns the shop's
// URL.
func openShop(
	ctx context.Context, at addresses, traced map[string]gaptrace.Option, stop *closers, stderr io.Writer,
) (string, error) {
	clients, err := connect(at, traced["bookshop"])
	if err != nil {
		return "", err
	}
	stop.add(func() error {
		clients.HTTP.CloseIdleConnections()
		return errors.Join(clients.Redis.Close(), clients.SQL.Close())
	})
	stock, err := database(at, traced["supplier"])
	if err != nil {
		return "", err
	}
	stop.add(stock.Close)

	err = progress(stderr, "writing the shop's data", func() error { return seed(ctx, clients, at.names, stop) })
	if err != nil {
		return "", err
	}
	supplier, err := listen(serve((&bookshop.Supplier{SQL: stock}).Handler(), traced["supplier"]), stop)
	if err != nil {
		return "", err
	}
	shop := &bookshop.Shop{Clients: clients, Names: at.names, Supplier: supplier}
	return listen(serve(shop.Handler(), traced["bookshop"]), stop)
}

// visit makes single requests one after the other, then atOnce concurrently. They are numbered from
// 1.
func visit(ctx context.Context, browser *http.Client, shop string, single int) error {
	for i := range single {
		if err := get(ctx, browser, shop, i+1); err != nil {
			return err
		}
	}
	errs := make([]error, atOnce)
	var together sync.WaitGroup
	for i := range atOnce {
		together.Go(func() { errs[i] = get(ctx, browser, shop, single+i+1) })
	}
	together.Wait()
	return errors.Join(errs...)
}

// get reads the page of a book. The number is the request ID, which the span of the shop has as a
// tag.
func get(ctx context.Context, browser *http.Client, shop string, number int) error {
	book := bookshop.Books[number%len(bookshop.Books)]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, shop+"/books/"+book.ID, nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Request-Id", strconv.Itoa(number))
	res, err := browser.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET /books/%s: %s: %s", book.ID, res.Status, page)
	}
	return err
}
