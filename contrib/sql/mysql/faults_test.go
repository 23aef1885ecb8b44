package gapmysql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-sql-driver/mysql"
)

// TestMain silences the driver's log of lost connections.
func TestMain(m *testing.M) {
	_ = mysql.SetLogger(log.New(io.Discard, "", 0))
	mysql.RegisterDialContext("stalling", func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		return &stalling{Conn: conn}, err
	})
	m.Run()
}

// fault is something that happens to a program on a real server.
type fault struct {
	params string // of the data source name
	stalls bool   // the network stalls while it lasts
	kills  bool   // the server is killed
	use    func(f *faulty) []error
	failed string // the operations whose spans must show a failure; if it ends in "?", others may fail
}

// faulty is what a fault works with.
type faulty struct {
	*testing.T
	ctx   context.Context
	db    *sql.DB
	admin *sql.DB // a second connection to the server
	kill  func()  // kills the server
}

func (f *faulty) exec(db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, query string,
) error {
	_, err := db.ExecContext(f.ctx, query)
	return err
}

func (f *faulty) must(errs ...error) {
	f.Helper()
	if err := errors.Join(errs...); err != nil {
		f.Fatal(err)
	}
}

func (f *faulty) begin() *sql.Tx {
	f.Helper()
	tx, err := f.db.BeginTx(f.ctx, nil)
	f.must(err)
	return tx
}

// whenItRuns calls do with the id of the connection that runs a statement with that beginning.
func (f *faulty) whenItRuns(statement string, do func(id int)) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			var id int
			if f.admin.QueryRow("SELECT id FROM information_schema.processlist WHERE info LIKE ? AND id <> CONNECTION_ID()",
				statement+"%").Scan(&id) == nil {
				do(id)
				return
			}
		}
		f.Errorf("%s does not run", statement)
	}()
	return done
}

// stream reads the first of many rows, calls happens, and reads on.
func (f *faulty) stream(ctx context.Context, happens func(id int)) []error {
	conn, err := f.db.Conn(f.ctx)
	f.must(err)
	defer conn.Close()
	var id int
	f.must(conn.QueryRowContext(f.ctx, "SELECT CONNECTION_ID()").Scan(&id))
	r, err := conn.QueryContext(ctx, "SELECT seq, REPEAT('x', 100) FROM seq_1_to_5000000")
	f.must(err)
	for range 10 {
		if !r.Next() {
			f.Fatal(r.Err())
		}
	}
	happens(id)
	for r.Next() {
	}
	return []error{r.Err(), r.Close()}
}

var faults = map[string]fault{
	"server is killed while rows are read":     {kills: true, use: killServerWhileReading, failed: "sql query"},
	"connection is killed while rows are read": {use: killConnWhileReading, failed: "sql query"},
	"the query is killed":                      {use: killQuery, failed: "sql exec"},
	"a lock is waited for too long":            {use: waitForLock, failed: "sql exec"},
	"a deadlock":                               {use: deadlock, failed: "sql exec"},
	"a statement that is too long":             {params: "?maxAllowedPacket=1024", use: sendTooMuch, failed: "sql exec"},
	"cancelled before":                         {use: cancelBefore, failed: ""},
	"cancelled while the server works":         {use: cancelQuery, failed: "sql query"},
	"cancelled while it connects":              {stalls: true, use: cancelConnect, failed: "sql connect"},
	"cancelled while it prepares":              {stalls: true, use: cancelPrepare, failed: "sql prepare"},
	"cancelled while it commits":               {stalls: true, use: cancelCommit, failed: ""},
	"cancelled while rows are read":            {use: cancelWhileReading, failed: "sql query?"},
	"cancelled in a transaction":               {use: cancelTx, failed: "?"},
	"a transaction is left open":               {use: leaveTxOpen, failed: ""},
	"invalid SQL":                              {use: sendInvalidSQL, failed: "sql query, sql prepare"},
	"a constraint":                             {use: breakConstraint, failed: "sql exec"},
}

func killServerWhileReading(f *faulty) []error {
	return f.stream(f.ctx, func(int) { f.kill() })
}

func killConnWhileReading(f *faulty) []error {
	return f.stream(f.ctx, func(id int) {
		_, err := f.admin.Exec(fmt.Sprint("KILL ", id))
		f.must(err)
	})
}

// killQuery kills a query that waits for a lock. A SLEEP that is killed may succeed.
func killQuery(f *faulty) []error {
	first := f.begin()
	defer first.Rollback()
	const waits = "UPDATE t SET n = 2 WHERE id = 1"
	f.must(f.exec(first, "UPDATE t SET n = 1 WHERE id = 1"))
	killed := f.whenItRuns(waits, func(id int) {
		_, err := f.admin.Exec(fmt.Sprint("KILL QUERY ", id))
		f.must(err)
	})
	err := f.exec(f.db, waits)
	<-killed
	return []error{err}
}

func waitForLock(f *faulty) []error {
	first := f.begin()
	defer first.Rollback()
	f.must(f.exec(first, "UPDATE t SET n = 1 WHERE id = 1"))
	second := f.begin()
	f.must(f.exec(second, "SET innodb_lock_wait_timeout = 1"))
	return []error{f.exec(second, "UPDATE t SET n = 2 WHERE id = 1"), second.Rollback()}
}

func deadlock(f *faulty) []error {
	first, second := f.begin(), f.begin()
	f.must(f.exec(first, "UPDATE t SET n = 1 WHERE id = 1"), f.exec(second, "UPDATE t SET n = 2 WHERE id = 2"))
	other := make(chan error, 1)
	go func() { other <- f.exec(second, "UPDATE t SET n = 2 WHERE id = 1") }()
	errs := []error{f.exec(first, "UPDATE t SET n = 1 WHERE id = 2"), <-other}
	f.must(first.Rollback(), second.Rollback())
	// The server chooses which one fails.
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return errs
}

func sendTooMuch(f *faulty) []error {
	return []error{f.exec(f.db, "SELECT '"+strings.Repeat("x", 2000)+"'"), f.db.PingContext(f.ctx)}
}

// cancelBefore gets the errors of database/sql, which does not call the driver.
func cancelBefore(f *faulty) []error {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, err := f.db.QueryContext(ctx, "SELECT 1")
	_, prepareErr := f.db.PrepareContext(ctx, "SELECT 1")
	_, beginErr := f.db.BeginTx(ctx, nil)
	return []error{err, prepareErr, beginErr, f.db.PingContext(ctx)}
}

func cancelQuery(f *faulty) []error {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	// The server does not notice that a client has left: an earlier query may still run.
	query := fmt.Sprintf("SELECT SLEEP(1%02d)", sleeps.Add(1))
	running := f.whenItRuns(query, func(int) { cancel() })
	_, err := f.db.QueryContext(ctx, query)
	<-running
	return []error{err}
}

// sleeps makes each query of cancelQuery differ from those before it.
var sleeps atomic.Int64

func cancelConnect(f *faulty) []error {
	held, err := f.db.Conn(f.ctx) // the only connection
	f.must(err)
	defer held.Close()
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	stalled.Store(&stall{begins: cancel})
	defer stalled.Store(nil)
	return []error{f.db.PingContext(ctx)}
}

func cancelPrepare(f *faulty) []error {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	stalled.Store(&stall{begins: cancel})
	defer stalled.Store(nil)
	_, err := f.db.PrepareContext(ctx, "SELECT 1")
	return []error{err}
}

func cancelCommit(f *faulty) []error {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	tx, err := f.db.BeginTx(ctx, nil)
	f.must(err, f.exec(tx, "UPDATE t SET n = 6 WHERE id = 3"))
	stalled.Store(&stall{begins: func() {
		cancel()
		time.AfterFunc(40*time.Millisecond, func() { stalled.Store(nil) }) // Commit has no context, and waits
	}})
	return []error{tx.Commit()}
}

// cancelWhileReading may fail in database/sql before the driver notices.
func cancelWhileReading(f *faulty) []error {
	ctx, cancel := context.WithCancel(f.ctx)
	return f.stream(ctx, func(int) { cancel() })[:1] // whether Close fails depends on who closes first
}

// cancelTx may roll back after the driver has closed the connection.
func cancelTx(f *faulty) []error {
	ctx, cancel := context.WithCancel(f.ctx)
	tx, err := f.db.BeginTx(ctx, nil)
	f.must(err)
	_, err = tx.ExecContext(ctx, "UPDATE t SET n = 3 WHERE id = 3")
	f.must(err)
	cancel()
	for f.db.Stats().InUse > 0 { // database/sql rolls back in a goroutine
		time.Sleep(time.Millisecond)
	}
	err = tx.Commit()
	var n int
	f.must(f.db.QueryRowContext(f.ctx, "SELECT n FROM t WHERE id = 3").Scan(&n))
	if n != 0 {
		f.Errorf("n is %d", n)
	}
	return []error{err}
}

func leaveTxOpen(f *faulty) []error {
	tx := f.begin()
	f.must(f.exec(tx, "UPDATE t SET n = 4 WHERE id = 4"))
	f.must(f.db.Close())
	err := f.exec(tx, "UPDATE t SET n = 5 WHERE id = 4")
	return []error{err, tx.Rollback()}
}

func sendInvalidSQL(f *faulty) []error {
	_, err := f.db.QueryContext(f.ctx, "SELEC 1")
	_, argErr := f.db.QueryContext(f.ctx, "SELEC ?", 1)
	return []error{err, argErr}
}

func breakConstraint(f *faulty) []error {
	_, err := f.db.ExecContext(f.ctx, "INSERT INTO t VALUES (?, 0)", 1)
	return []error{err}
}

// stalled, if it is set, delays what connections of the network "stalling" read.
var stalled atomic.Pointer[stall]

// stall is a time in which reads wait. begins is called when the first one does.
type stall struct {
	once   sync.Once
	begins func()
}

// stalling is a connection whose reads wait while stalled is set, or until it is closed.
type stalling struct {
	net.Conn
	closed atomic.Bool
}

func (s *stalling) Read(p []byte) (int, error) {
	for now := stalled.Load(); now != nil && !s.closed.Load(); now = stalled.Load() {
		now.once.Do(now.begins)
		time.Sleep(time.Millisecond)
	}
	return s.Conn.Read(p)
}

func (s *stalling) Close() error {
	s.closed.Store(true)
	return s.Conn.Close()
}

var connectionID = regexp.MustCompile(`(onnection|thread) \d+|:\d+(->|:)`)

// play lets f happen to a database that open opens, with a table t of four rows. It returns the
// errors that the program saw.
func (f fault) play(
	t *testing.T, ctx context.Context, server servers.MySQLServer, open func(dsn string) (*sql.DB, error),
) (seen []string) {
	before := runtime.NumGoroutine()
	admin, err := sql.Open("mysql", server.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS faults", "CREATE DATABASE faults",
		"CREATE TABLE faults.t (id INT PRIMARY KEY, n INT) ENGINE InnoDB",
		"INSERT INTO faults.t VALUES (1, 0), (2, 0), (3, 0), (4, 0)",
	} {
		if _, err := admin.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	dsn := server.DSN("faults") + f.params
	if f.stalls {
		dsn = strings.Replace(dsn, "@tcp(", "@stalling(", 1)
	}
	db, err := open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	for _, err := range f.use(&faulty{t, ctx, db, admin, server.Kill}) {
		seen = append(seen, connectionID.ReplaceAllString(fmt.Sprintf("%T %v", err, err), "$1"))
	}
	db.Close()
	admin.Close()
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	return seen
}

func TestFailuresAreTheSame(t *testing.T) {
	shared := servers.MariaDB(t)
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			server := func() servers.MySQLServer {
				if fault.kills {
					return servers.MariaDB(t)
				}
				return shared
			}
			raw := fault.play(t, t.Context(), server(), func(dsn string) (*sql.DB, error) { return sql.Open("mysql", dsn) })

			tracer, ctx, parent := spantest.Under(t)
			wrapped := fault.play(t, ctx, server(), func(dsn string) (*sql.DB, error) {
				return gapmysql.Open(dsn, gaptrace.WithTracer(tracer))
			})
			parent.Finish()
			if !slices.Equal(raw, wrapped) {
				t.Errorf("raw:\n%s\nwrapped:\n%s", strings.Join(raw, "\n"), strings.Join(wrapped, "\n"))
			}
			var failed []string
			for _, s := range tracer.Spans() {
				if s.Tags["error"] == true {
					failed = append(failed, s.Operation)
				}
			}
			got := strings.Join(failed, ", ")
			want, open := strings.CutSuffix(fault.failed, "?")
			if got != want && !open || tracer.Problems() != nil {
				t.Errorf("want failures of %q, got %q:\n%s", fault.failed, got, tracer.Tree())
			}
		})
	}
}
