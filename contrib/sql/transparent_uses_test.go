package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing/synctest"
)

// uses are the ways in which programs use a database.
var uses = map[string]func(s *sight, ctx context.Context, cancel func(), f *fake, db pool){
	"exec":                    useExec,
	"query":                   useQuery,
	"prepared":                usePrepared,
	"transactions":            useTransactions,
	"a transaction cancelled": cancelTx,
	"a transaction cancelled on its connection": cancelTxOfConn,
	"rows cancelled": cancelRows,
	"ping":           usePing,
	"the context ends while the driver works":           cancelInPrepare,
	"the context ends before the exec":                  cancelBeforeExec,
	"the context ends before the query":                 cancelBeforeQuery,
	"the context ends before a prepared statement runs": cancelBeforePrepared,
	"the context ends while a transaction begins":       cancelInBegin,
	"bad connections":                                   meetBadConns,
	"failures":                                          meetFailures,
}

func useExec(s *sight, ctx context.Context, _ func(), _ *fake, db pool) {
	s.result(db.ExecContext(ctx, "INSERT"))
	s.result(db.ExecContext(ctx, "INSERT ?", 1))
	s.result(db.ExecContext(ctx, "INSERT ?", uint64(1)<<63))
	s.result(db.ExecContext(ctx, "INSERT ?", 1i))
	s.result(db.ExecContext(ctx, "INSERT ?", remove{}, "a"))
	s.result(db.ExecContext(ctx, "INSERT ?", sql.Named("name", 1)))
	s.result(db.ExecContext(ctx, "INSERT ?", sql.Named("1", 1)))
	s.result(db.ExecContext(ctx, "INSERT ?", 1, struct{}{}))
	s.result(db.ExecContext(ctx, "INSERT ?", valuer{}))
	s.result(db.ExecContext(ctx, "INSERT ?"))
}

func useQuery(s *sight, ctx context.Context, _ func(), _ *fake, db pool) {
	s.rows(db.QueryContext(ctx, "SELECT"))
	s.rows(db.QueryContext(ctx, "SELECT ?", 1))
	s.rows(db.QueryContext(ctx, "SELECT ?", uint64(1)<<63))
	s.rows(db.QueryContext(ctx, "SELECT ?", 1, 2))
	var n int
	s.see("row", db.QueryRowContext(ctx, "SELECT").Scan(&n), n)
}

func usePrepared(s *sight, ctx context.Context, _ func(), _ *fake, db pool) {
	prepared, err := db.PrepareContext(ctx, "SELECT ?")
	s.see("prepared", err)
	s.rows(prepared.QueryContext(ctx, 1))
	s.result(prepared.ExecContext(ctx, sql.Named("name", 1)))
	s.result(prepared.ExecContext(context.Background(), uint64(1)<<63))
	s.see("close", prepared.Close(), prepared.Close())
}

func useTransactions(s *sight, ctx context.Context, _ func(), _ *fake, db pool) {
	for _, opts := range []*sql.TxOptions{nil, {}, {Isolation: sql.LevelSerializable}, {ReadOnly: true}} {
		tx, err := db.BeginTx(ctx, opts)
		s.see("begin", err)
		if err != nil {
			continue
		}
		s.result(tx.ExecContext(ctx, "INSERT"))
		s.rows(tx.QueryContext(ctx, "SELECT ?", 1))
		s.see("ends", tx.Commit(), tx.Rollback())
	}
	tx, err := db.Begin()
	s.see("begin", err)
	s.see("rollback", tx.Rollback())
}

func cancelTx(s *sight, ctx context.Context, cancel func(), _ *fake, db pool) {
	tx, err := db.BeginTx(ctx, nil)
	s.see("begin", err)
	cancel()
	synctest.Wait()
	s.see("commit", tx.Commit())
	s.see("open", db.Stats().OpenConnections)
}

func cancelTxOfConn(s *sight, ctx context.Context, cancel func(), _ *fake, db pool) {
	conn, err := db.Conn(context.WithoutCancel(ctx))
	s.see("conn", err)
	_, err = conn.BeginTx(ctx, nil)
	s.see("begin", err)
	cancel()
	synctest.Wait()
	s.result(conn.ExecContext(context.WithoutCancel(ctx), "INSERT"))
	s.see("close", conn.Close())
}

func cancelRows(s *sight, ctx context.Context, cancel func(), _ *fake, db pool) {
	r, err := db.QueryContext(ctx, "SELECT")
	s.see("next", err, r.Next())
	cancel()
	synctest.Wait()
	s.see("next", r.Next(), r.Err(), r.Close())
}

func usePing(s *sight, ctx context.Context, _ func(), _ *fake, db pool) {
	s.see("ping", db.PingContext(ctx), db.PingContext(ctx))
}

func cancelInPrepare(s *sight, ctx context.Context, cancel func(), f *fake, db pool) {
	f.fault = func(call string) error {
		if call != "Connect" && call != "ResetSession" {
			cancel()
		}
		return nil
	}
	_, err := db.PrepareContext(ctx, "SELECT")
	s.see("prepare", err)
}

func cancelBeforeExec(s *sight, ctx context.Context, cancel func(), f *fake, db pool) {
	f.fault = func(call string) error {
		if call == "Connect" || strings.HasPrefix(call, "PrepareContext") {
			cancel()
		}
		return nil
	}
	s.result(db.ExecContext(ctx, "INSERT"))
}

func cancelBeforeQuery(s *sight, ctx context.Context, cancel func(), f *fake, db pool) {
	f.fault = func(call string) error {
		if call == "Connect" || strings.HasPrefix(call, "PrepareContext") {
			cancel()
		}
		return nil
	}
	s.rows(db.QueryContext(ctx, "SELECT"))
}

func cancelBeforePrepared(s *sight, ctx context.Context, cancel func(), f *fake, db pool) {
	prepared, err := db.PrepareContext(context.WithoutCancel(ctx), "SELECT ?")
	s.see("prepared", err)
	f.fault = func(call string) error {
		if call == "ResetSession" {
			cancel()
		}
		return nil
	}
	s.rows(prepared.QueryContext(ctx, 1))
	s.result(prepared.ExecContext(ctx, 1))
	s.see("close", prepared.Close())
}

func cancelInBegin(s *sight, ctx context.Context, cancel func(), f *fake, db pool) {
	f.fault = func(call string) error {
		if strings.HasPrefix(call, "Begin") {
			cancel()
		}
		return nil
	}
	_, err := db.BeginTx(ctx, nil)
	synctest.Wait()
	s.see("begin", err)
}

func meetBadConns(s *sight, ctx context.Context, _ func(), f *fake, db pool) {
	for _, method := range []string{
		"Connect", "Ping", "Exec", "Query", "Prepare", "Begin", "Stmt.", "ResetSession",
		"IsValid", "Next", "Commit", "Rows.Close",
	} {
		for _, times := range []int{1, 2, 3} {
			f.fault = failOn(method, times, driver.ErrBadConn)
			everything(s, ctx, db)
		}
	}
}

func meetFailures(s *sight, ctx context.Context, _ func(), f *fake, db pool) {
	for _, method := range []string{
		"Connect", "Ping", "Exec", "Query", "Prepare", "Begin", "Stmt.", "ResetSession",
		"Next 1", "NextResultSet", "Commit", "Rows.Close", "Close",
	} {
		f.fault = failOn(method, 1, errBoom)
		everything(s, ctx, db)
	}
}

func everything(s *sight, ctx context.Context, db pool) {
	s.see("ping", db.PingContext(ctx))
	s.result(db.ExecContext(ctx, "INSERT"))
	s.rows(db.QueryContext(ctx, "SELECT"))
	s.rows(db.QueryContext(ctx, "SELECT ?", 1))
	tx, err := db.BeginTx(ctx, nil)
	s.see("begin", err)
	if err == nil {
		s.result(tx.ExecContext(ctx, "INSERT ?", 1))
		s.see("commit", tx.Commit())
	}
}

// valuer returns a value that is no driver.Value. Converters refuse it with different errors.
type valuer struct{}

func (valuer) Value() (driver.Value, error) { return struct{}{}, nil }
