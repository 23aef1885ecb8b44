// Package gapsql records the calls of database/sql, with any driver, as OpenTracing spans. The
// spans cover exactly the time that the caller was blocked on the database, including the reading
// of rows.
//
//	import gapsql "github.com/gaptrace/gaptrace/contrib/sql"
//
//	db, err := gapsql.Open("postgres", dsn) // instead of sql.Open
//
// There are three more ways to wrap a driver:
//
//	db := sql.OpenDB(gapsql.Wrap(connector))          // a driver.Connector
//	name := gapsql.Register("postgres")               // for code that passes a name to sql.Open
//	sql.Register("traced", gapsql.WrapDriver(driver)) // the same, for a driver without a name
//
// [WrapDB] also records how long callers wait for a connection of the pool:
//
//	pool := gapsql.WrapDB(db)
//
// A call is recorded if its context carries a span; [gaptrace.WithRoots] records the others too.
// Package contrib/sql/mysql also tags the database's name, user and address; [WrapTarget] does so
// for other drivers. docs/sql.md covers gorm, sqlx, ent, bun, sqlc and goose, as well as errors and
// limits.
//
// # Spans
//
//	span            what it covers
//	sql pool        waiting for a connection of the pool; only with WrapDB
//	sql reset       the driver's reset of a connection before its next use, if over 100 µs
//	sql connect     dial, TLS and authentication of a new connection
//	sql ping
//	sql prepare     by the program, or by database/sql if the driver requires it
//	sql query       until the driver has answered
//	sql query wait  a later wait: in Next, Scan, NextResultSet or Close of the rows
//	sql exec
//	sql begin
//	sql commit      under the span in the context of BeginTx: Commit takes no context
//	sql rollback    likewise; database/sql calls it when that context ends
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
//	db.type             the name given to Open or Register, or a Target's Type; else "sql"
//	db.instance         the database's name, from a Target
//	db.user             from a Target
//	peer.address        from a Target
//	db.statement        the text of a query, exec or prepare; never its arguments
//	rows                how many rows of a query were read
//	wait.*, abandoned   see package gaptrace
//
// If a statement may hold a credential, it is recorded without its literals. Such a statement has a
// word such as PASSWORD, IDENTIFIED, SECRET or TOKEN, or a URL with a secret. docs/secrets.md lists
// the words. The data source name is never recorded.
//
// An option's function finds a [*Request] in [gaptrace.Call].Request.
package gapsql
