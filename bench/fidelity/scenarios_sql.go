package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/gaptrace/gaptrace/internal/worktime"
	"github.com/go-sql-driver/mysql"
)

var sqlScenarios = []scenario{
	{
		name:   "sql rows",
		about:  "database/sql with go-sql-driver/mysql: rows that arrive one after another, with work between them",
		covers: coversSQL, open: sqlRows, short: true,
	},
	{
		name:   "sql pool",
		about:  "database/sql: SetMaxOpenConns(1), and another goroutine has the connection",
		covers: coversSQL, open: sqlPool, short: true,
	},
}

// database returns a connected database as a peer wraps it.
func database(on *stage, p peer.Peer) (*sql.DB, peer.Querier, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", "tcp", on.mysql.Addr(), "bench"
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, nil, err
	}
	db := p.SQL(connector)
	var pool peer.Querier = db
	if p.Pool != nil {
		pool = p.Pool(db)
	}
	if err := db.Ping(); err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, pool, nil
}

// query reads all rows of a script and calls each for every row.
func query(
	ctx context.Context, clock *worktime.Clock, db peer.Querier, rows script.Script, each func(text string),
) error {
	r, err := paused(clock, func() (*sql.Rows, error) { return db.QueryContext(ctx, "SELECT "+rows.String()) })
	if err != nil {
		return err
	}
	for {
		clock.Pause()
		more := r.Next()
		clock.Resume()
		if !more {
			break
		}
		var text string
		if err := r.Scan(&text); err != nil {
			return err
		}
		each(text)
	}
	if err := r.Err(); err != nil {
		return err
	}
	return pausedErr(clock, r.Close)
}

func sqlRows(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	db, pool, err := database(on, p)
	if err != nil {
		return nil, nil, err
	}
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			n := 0
			return query(ctx, clock, pool, plan.pieces(plan.size), func(string) {
				if n++; n%plan.size == 0 { // the last row of a piece
					on.burn(plan.steps[n/plan.size-1].work)
				}
			})
		})
	}, func() { db.Close() }, nil
}

func sqlPool(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	db, pool, err := database(on, p)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			for _, s := range plan.steps {
				go func() { // has the connection while the handler works and waits
					if conn, err := db.Conn(context.Background()); err == nil {
						time.Sleep(s.work + s.wait)
						conn.Close()
					}
				}()
				on.burn(s.work)
				if err := query(ctx, clock, pool, script.Script{{Size: 1}}, func(string) {}); err != nil {
					return err
				}
			}
			return nil
		})
	}, func() { db.Close() }, nil
}
