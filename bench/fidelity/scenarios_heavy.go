package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/gaptrace/gaptrace/internal/worktime"
)

// heavyScenarios allocate much, with the garbage collector off and on.
var heavyScenarios = []scenario{
	{
		name:   "json",
		about:  "net/http client: 1.2 MB of JSON, decoded while it arrives slowly; no garbage collection",
		covers: coversHTTP,
		open:   heavyJSON,
	},
	{
		name:      "json, collector",
		about:     "the same, with garbage collection",
		covers:    coversHTTP,
		open:      heavyJSON,
		collector: true,
	},
	{
		name:   "million rows",
		about:  "database/sql: a million rows, scanned and kept; no garbage collection",
		covers: coversSQL,
		open:   heavyRows,
		long:   true,
	},
	{
		name:      "million rows, collector",
		about:     "the same, with garbage collection",
		covers:    coversSQL,
		open:      heavyRows,
		collector: true,
		long:      true,
	},
}

type book struct {
	ID     int               `json:"id"`
	Title  string            `json:"title"`
	Tags   []string          `json:"tags"`
	Prices map[string]string `json:"prices"`
}

// books is a JSON array of 1.2 MB.
var books = func() string {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := 0; b.Len() < 1_200_000; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		text, _ := json.Marshal(book{
			i, strings.Repeat("a title ", 1+i%5),
			[]string{"novel", "paper", "second-hand"},
			map[string]string{"eur": fmt.Sprint(i), "usd": "7.50"},
		})
		b.Write(text)
	}
	b.WriteByte(']')
	return b.String()
}()

func heavyJSON(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	server := httptest.NewServer(&script.HTTP{Text: books})
	client, idle := httpClient(p, &http.Transport{})
	done := func() { idle(); server.Close() }
	if err := visit(client, playURL(server.URL, script.Script{{}})); err != nil {
		return nil, done, err
	}
	const pieces = 40
	var drips script.Script
	for i := range pieces {
		drips = append(
			drips,
			script.Piece{After: plan.steps[i%len(plan.steps)].wait / 4, Size: (len(books) + pieces - 1) / pieces},
		)
	}
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			resp, err := get(ctx, clock, client, playURL(server.URL, drips))
			if err != nil {
				return err
			}
			decoder := json.NewDecoder(clock.Reader(resp.Body))
			if _, err := decoder.Token(); err != nil {
				return err
			}
			var all []book
			for decoder.More() {
				var b book
				if err := decoder.Decode(&b); err != nil {
					return err
				}
				all = append(all, b)
			}
			if _, err := decoder.Token(); err != nil {
				return err
			}
			if len(all) < 1000 {
				return fmt.Errorf("received only %d books", len(all))
			}
			return readPieces(on, clock, resp.Body, 0, noWork)
		})
	}, done, nil
}

func heavyRows(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	db, pool, err := database(on, p)
	if err != nil {
		return nil, nil, err
	}
	// A piece takes a while to read, and the next arrives meanwhile, so the waits must be longer.
	const pieces = 20
	var drips script.Script
	for i := range pieces {
		drips = append(drips, script.Piece{After: 10 * plan.steps[i%len(plan.steps)].wait, Size: on.rows / pieces})
	}
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			var all []string
			err := query(ctx, clock, pool, drips, func(text string) { all = append(all, text, strings.ToUpper(text)) })
			if err == nil && len(all) != 2*on.rows {
				err = fmt.Errorf("received %d of %d rows", len(all)/2, on.rows)
			}
			return err
		})
	}, func() { db.Close() }, nil
}
