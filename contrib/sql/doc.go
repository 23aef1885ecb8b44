// Package gapsql records the calls of database/sql, with any driver, as OpenTracing spans. The
// spans cover exactly the time that the caller was blocked on the database, including the reading
// of rows.
//
//	import gapsql "github.com/gaptrace/gaptrace/contrib/sql"
//
//	db, err := gapsql.Open("postgres", dsn) // instead of sql.Open
//
// There are two more ways to wrap a driver:
//
//	db := sql.OpenDB(gapsql.Wrap(connector))          // a driver.Connector
//	sql.Register("traced", gapsql.WrapDriver(driver)) // for code that calls sql.Open itself
//
// [WrapDB] also records how long callers wait for a connection of the pool:
//
//	pool := gapsql.WrapDB(db)
//
// A call is recorded if its context carries a span. Package contrib/sql/mysql also tags instance,
// user and address; [WrapTarget] does so for other databases. docs/sql.md covers gorm, sqlx, ent,
// bun, sqlc and goose, as well as errors and limits.
//
// # Spans
//
//	span            what it covers
//	sql pool        waiting for a connection of the pool; only with WrapDB
//	sql reset       a reset of a connection before it is used again, if over 100 µs
//	sql connect     dial, TLS and authentication of a new connection
//	sql ping
//	sql prepare     by the program, or by database/sql for a query with arguments
//	sql query       until the driver has answered; later waits are spans of their own
//	sql query wait  such a wait: in Next, Scan, NextResultSet or Close of the rows
//	sql exec
//	sql begin
//	sql commit      under the span in the context of BeginTx: Commit has no context
//	sql rollback    the same; database/sql itself calls it when that context ends
//
// A query and its rows:
//
//	program   QueryContext      work   Next         work   Close
//	driver    |--Query--|-Next-|       |---Next---|        |-|
//	spans     |---sql query----|       |query wait|           (under 20 µs: work, not a wait)
//
// # Tags
//
//	component           database/sql
//	span.kind           client
//	db.type             the driver's name as given to Open, or a Target's Type; else "sql"
//	db.instance         of a Target, like db.user and peer.address
//	db.statement        the text of a query, exec or prepare; never its arguments
//	rows                how many rows were read
//	wait.*, abandoned   see package gaptrace
//
// A statement that may hold a credential is recorded without its literals: one with a word such as
// PASSWORD, IDENTIFIED, SECRET or TOKEN, or with a URL that holds a secret. docs/secrets.md lists
// the words. The data source name is never recorded.
//
// The Request of a gaptrace.Call is a [*Request].
package gapsql
