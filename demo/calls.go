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

// atOnce is the size of the round that follows the single requests.
const atOnce = 4

// calls is what calling the bookshop left behind.
type calls struct {
	single int // requests made one after the other; atOnce more were made together
	traces [][]gap.Span
}

// call starts everything, calls the bookshop, and stops everything again. Where only the stopping failed,
// as when a collector did not take the spans, it returns both the calls and the error.
func call(ctx context.Context, c config, stderr io.Writer) (calls, error) {
	var stop closers
	defer func() {
		if failed := stop.close(); failed != nil {
			fmt.Fprintf(stderr, "demo: while cleaning up: %v\n", failed)
		}
	}()

	at, err := startServers(ctx, c, &stop, stderr)
	if err != nil {
		return calls{}, err
	}
	recorder := tracer.NewRecorder(c.requests + atOnce)
	to := []tracer.Option{tracer.WithRecorder(recorder)}
	if c.jaeger != "" {
		to = append(to, tracer.WithCollector(c.jaeger))
	}
	traced := map[string]gaptrace.Option{}
	for _, service := range []string{"browser", "bookshop", "supplier"} {
		option, closer, err := trace(service, to...)
		if err != nil {
			return calls{}, err
		}
		stop.add(closer.Close)
		traced[service] = option
	}
	shop, err := open(ctx, at, traced, &stop, stderr)
	if err != nil {
		return calls{}, err
	}
	visitor := browser(traced["browser"])
	stop.add(func() error { visitor.CloseIdleConnections(); return nil })

	err = progress(stderr, fmt.Sprintf("requests: %d single, %d at once", c.requests, atOnce), func() error {
		return visit(ctx, visitor, shop, c.requests)
	})
	if err != nil {
		return calls{}, err
	}
	if c.jaeger != "" {
		fmt.Fprintf(stderr, "sending the spans to %s (Ctrl-C to leave)\n", redacted(c.jaeger))
	}
	err = stop.close() // a handler's span ends a little later than the answer it gave
	if err == nil && c.jaeger != "" {
		fmt.Fprintf(stderr, "sent %d traces\n", len(recorder.Traces()))
	}
	return calls{single: c.requests, traces: recorder.Traces()}, err
}

// open seeds the servers, opens the supplier and then the shop, and returns the shop's URL.
func open(ctx context.Context, at addresses, traced map[string]gaptrace.Option, stop *closers, stderr io.Writer) (string, error) {
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

	err = progress(stderr, "filling the shelves", func() error { return seed(ctx, clients, at.names, stop) })
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

// visit makes single requests one after the other, and then atOnce together. They are numbered from 1.
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

// get reads the page of some book. The request's number is its id: the shop's span has it as a tag.
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
