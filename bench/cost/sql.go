package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"net"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/go-sql-driver/mysql"
)

func sqlCases() []Case {
	return []Case{
		{Library: "database/sql", Name: "exec", Woven: true, Make: withDB(0, update)},
		{Library: "database/sql", Name: "query, 1 row", Woven: true, Waits: true, Make: withDB(1, query)},
		{Library: "database/sql", Name: "query, 1,000 rows", Woven: true, Waits: true, Make: withDB(1000, query), Long: true},
		{Library: "database/sql", Name: "query, 1,000 rows of go-sql-driver/mysql", Waits: true, Make: withMySQL, Long: true},
		{Library: "database/sql", Name: "transaction: begin, exec, commit", Woven: true, Make: withDB(0, transaction)},
		{Library: "database/sql", Name: "exec, WrapDB", Make: withPool(0, update)},
		{Library: "database/sql", Name: "query, 1 row, WrapDB", Waits: true, Make: withPool(1, query)},
	}
}

const (
	selects = "SELECT id, name, price FROM products WHERE shop = ? AND price < ? ORDER BY name LIMIT 20"
	updates = "UPDATE products SET price = ? WHERE shop = ? AND id = ?"
)

func update(ctx context.Context, db peer.Querier) { must(db.ExecContext(ctx, updates)) }

func query(ctx context.Context, db peer.Querier) {
	rows := must(db.QueryContext(ctx, selects))
	var id int64
	readAll(rows, stopwatchIn(ctx), func() { check(rows.Scan(&id)) })
}

func readAll(rows *sql.Rows, waits *stopwatch, scan func()) {
	for {
		waits.enter()
		more := rows.Next()
		waits.leave()
		if !more {
			break
		}
		scan()
	}
	check(rows.Err())
	waits.enter()
	check(rows.Close())
	waits.leave()
}

func transaction(ctx context.Context, db peer.Querier) {
	tx := must(db.BeginTx(ctx, nil))
	must(tx.ExecContext(ctx, updates))
	check(tx.Commit())
}

// withDB calls a database whose queries return this many rows. The raw figure contains what
// database/sql does for the call.
func withDB(rows int, call func(context.Context, peer.Querier)) func(peer.Peer, cleanup) func(context.Context) {
	return func(p peer.Peer, onClose cleanup) func(context.Context) {
		if p.SQL == nil {
			return nil
		}
		db := openInstant(p, rows, onClose)
		return func(ctx context.Context) { call(ctx, db) }
	}
}

// withMySQL reads the same number of rows through go-sql-driver/mysql. Its connection repeats what
// a server has answered to the first query.
func withMySQL(p peer.Peer, onClose cleanup) func(context.Context) {
	if p.SQL == nil {
		return nil
	}
	server := must(script.ServeMySQL())
	onClose(server.Close)
	conn := &repeating{}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Addr = "root", server.Addr()
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var err error
		conn.Conn, err = new(net.Dialer).DialContext(ctx, network, addr)
		return conn, err
	}
	db := p.SQL(must(mysql.NewConnector(cfg)))
	onClose(func() { check(db.Close()) })
	db.SetMaxOpenConns(1)
	call := func(ctx context.Context) {
		rows := must(db.QueryContext(ctx, "SELECT "+script.Script{{Size: 1000}}.String()))
		var row sql.RawBytes
		readAll(rows, stopwatchIn(ctx), func() { check(rows.Scan(&row)) })
	}
	check(db.Ping())
	conn.answer = []byte{}
	call(context.Background())
	conn.repeats = true
	return call
}

// repeating is a connection that notes what it reads once answer is not nil. Then it repeats that
// after each Write.
type repeating struct {
	net.Conn
	answer, unread []byte
	repeats        bool
}

func (c *repeating) Write(p []byte) (int, error) {
	if c.repeats {
		c.unread = c.answer
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *repeating) Read(p []byte) (n int, err error) {
	if c.repeats {
		n = copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	n, err = c.Conn.Read(p)
	if c.answer != nil {
		c.answer = append(c.answer, p[:n]...)
	}
	return n, err
}

// withPool calls the database through the peer's Pool, which records waits for the pool. Raw calls
// the plain *sql.DB.
func withPool(rows int, call func(context.Context, peer.Querier)) func(peer.Peer, cleanup) func(context.Context) {
	return func(p peer.Peer, onClose cleanup) func(context.Context) {
		if p.Name == rawName {
			p.Pool = func(db *sql.DB) peer.Querier { return db }
		}
		if p.SQL == nil || p.Pool == nil {
			return nil
		}
		pool := p.Pool(openInstant(p, rows, onClose))
		return func(ctx context.Context) { call(ctx, pool) }
	}
}

func openInstant(p peer.Peer, rows int, onClose cleanup) *sql.DB {
	db := p.SQL(instant{rows})
	onClose(func() { check(db.Close()) })
	db.SetMaxOpenConns(1)
	check(db.Ping()) // connect before the measured call
	return db
}

// instant is a database that answers immediately.
type instant struct{ rows int }

func (i instant) Connect(context.Context) (driver.Conn, error) {
	return &instantConn{rows: i.rows}, nil
}
func (i instant) Open(string) (driver.Conn, error) { return &instantConn{rows: i.rows}, nil }
func (i instant) Driver() driver.Driver            { return i }

type instantConn struct {
	driver.Conn
	rows int
}

func (c *instantConn) Close() error                       { return nil }
func (c *instantConn) Ping(context.Context) error         { return nil }
func (c *instantConn) ResetSession(context.Context) error { return nil }
func (c *instantConn) IsValid() bool                      { return true }
func (c *instantConn) Commit() error                      { return nil }
func (c *instantConn) Rollback() error                    { return nil }

func (c *instantConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return c, nil }

func (c *instantConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

func (c *instantConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &instantRows{c.rows}, nil
}

type instantRows struct{ left int }

var columns = []string{"id"}

func (r *instantRows) Columns() []string { return columns }
func (r *instantRows) Close() error      { return nil }

func (r *instantRows) Next(dest []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	dest[0] = int64(7)
	return nil
}
