// Package gapsql draws the calls of database/sql, with any driver, as OpenTracing spans. They cover
// exactly the time the caller was blocked on the database, the reading of rows included.
//
// One of these takes the place of sql.Open:
//
//	db, err := gapsql.Open("postgres", dsn)              // by the name of a registered driver
//	db := sql.OpenDB(gapsql.Wrap(connector))             // from a driver.Connector
//	sql.Register("traced", gapsql.WrapDriver(driver))    // for code that calls sql.Open itself
//
// and this also draws how long the pool keeps callers waiting:
//
//	pool := gapsql.WrapDB(db)
//
// Import the package as gapsql, since database/sql has the same name:
//
//	import gapsql "github.com/gaptrace/gaptrace/contrib/sql"
//
// Package contrib/sql/mysql also tags instance, user and address. [WrapTarget] does so for other
// databases. docs/sql.md shows how to use gorm, sqlx, ent, bun, sqlc and goose.
//
// # Spans
//
//	span              what it covers
//	sql pool          with [WrapDB]: a caller waiting for a connection of the pool, until one is of
//	                  use; it has failed if none came before the caller gave up
//	sql reset         a driver that goes to the network before a connection is used again: where it
//	                  took more than 100 µs
//	sql connect       a connection being made: dial, TLS, authentication
//	sql ping
//	sql prepare       by the program, or by database/sql for a statement with arguments
//	sql query         until the driver answered; reading rows right behind it is joined
//	sql query wait    a later wait: in Next, Scan, NextResultSet or Close of the rows
//	sql exec
//	sql begin
//	sql commit        under the span that was in the context of BeginTx: Commit has none
//	sql rollback      the same; database/sql itself rolls back when that context ends
//
// # Tags
//
//	component         database/sql
//	span.kind         client
//	db.type           the driver's name as given to [Open], or a Target's Type; else "sql"
//	db.instance       of a [Target], as are db.user and peer.address
//	db.statement      the text of a query, exec or prepare; never its arguments
//	rows              how many were read
//	wait.*, abandoned see package gaptrace
//
// A statement that may hold a credential is recorded without its literals: one with a word such as
// PASSWORD, IDENTIFIED, SECRET, TOKEN or ACCESS_KEY, or with a URL that holds a secret. Names are
// left out as well after the first literal, and where an unquoted credential may stand. If such a
// statement fails, its error is recorded up to the first quotation mark, credential word, or part
// of the literals in the message. docs/secrets.md lists the words, and the statements of each
// dialect that take credentials. All this is done before the hook of gaptrace.WithStatement sees
// the statement, of which it gets at most the first 16 KiB.
//
// The data source name is never recorded. [Open] and [WrapDriver] know it: they record a connect
// error up to the first quotation mark in its message, or up to where it repeats the name or its
// password. [Wrap] and [WrapTarget] do not know it. In their connect errors, as in all errors, the
// secrets of URLs and of settings such as password=… are redacted. So use Open if the driver parses
// the name only when it connects.
//
// The Request of a gaptrace.Call is a [*Request].
//
// # Failures
//
// A failure is an error of the driver, but for three. driver.ErrSkip draws nothing at all: database/sql
// goes on to prepare the statement. io.EOF ends the rows. driver.ErrBadConn makes database/sql try
// again, and each attempt has its span; it is a failure among rows, at commit and at rollback, where nobody tries
// again. That nobody does so on a Tx or a Conn either, nor after the third attempt, no driver is told: there the program's
// error is the one sign.
//
// The error that a database answers is recorded. It may repeat an argument or a literal of the
// statement. See above for statements that may hold a credential.
//
// A query cancelled while its rows are not being read is a failure only if the driver says so in what
// is called next, Close or Next: database/sql closes the rows then, and tells the program itself.
//
// # Limits
//
// The driver is given the caller's context as it is (through a DB, one that holds it), since a span cannot be opened
// before it is known that the driver does not skip the call. Spans of other clients that a driver uses lie beside its own.
//
// (*sql.Conn).Raw passes the wrapped connection to its callback, where a type assertion to the
// driver's own type panics. Call [Raw] instead, or call [DriverConn] in the callback.
//
// Rows that are never closed are reported, tagged abandoned, when they become garbage. database/sql
// keeps some from becoming garbage: those of prepared statements, of transactions, and of contexts
// that can be cancelled. They are reported when their context ends, when no row was read for ten
// minutes and then another query is recorded, or when the database is closed.
//
// Since Go 1.27 a driver may scan columns itself. A column that takes longer than 20 µs is a wait.
// It is not if the destination may run the program's own methods, such as those of a sql.Scanner:
// that is the program's work. A column's error is not recorded, since it quotes the row's value.
//
// A statement that was prepared on the pool waits for it each time it is used, which is not drawn; nor is the wait of a
// caller that gives up before any call through the same [DB] has come as far as the driver.
//
// Not covered: the closing of a statement or a connection, which has no context. go-sql-driver/mysql tells
// the server and waits for no answer; with a driver that waits, as lib/pq and pgx do when a statement closes, that
// wait looks like the program's own time.
package gapsql
