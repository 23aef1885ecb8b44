// Package sql draws the calls of database/sql, with any driver, as OpenTracing spans. They cover
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
// Package contrib/sql/mysql knows more of its database. [WrapTarget] is for others that do.
// docs/sql.md says what gorm, sqlx, ent, bun, sqlc and goose can take.
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
// A statement that may hold a credential is recorded without its literals, before the hook of gaptrace.WithStatement
// sees it: one with a word such as PASSWORD, IDENTIFIED, SECRET, TOKEN or ACCESS_KEY, or with a URL that holds a secret.
// Names are left out, too, after the first literal and where a credential may stand that is no literal. If it fails, its
// error is recorded up to where the message begins to quote, to speak of a credential, or to repeat a part of the
// literals. docs/secrets.md lists the words and the statements of each dialect that have them. The hook is given no more
// than the first 16 KiB of a statement.
//
// The data source name is never recorded. [Open] and [WrapDriver] know it, and record the error of a
// connect up to where the message begins to quote, or repeats the name or the password in it. [Wrap]
// and [WrapTarget] do not know it. Of their connect errors, as of all errors, the secrets in URLs and in settings such
// as password=… are redacted. Use Open if the driver reads the name no sooner than that.
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
// What a database says of a statement that failed is recorded, and may repeat an argument or a literal of it; see above for
// statements that may hold a credential.
//
// A query cancelled while its rows are not being read is a failure only if the driver says so in what
// is called next, Close or Next: database/sql closes the rows then, and tells the program itself.
//
// # Limits
//
// The driver is given the caller's context as it is (through a DB, one that holds it), since a span cannot be opened
// before it is known that the driver does not skip the call. Spans of other clients that a driver uses lie beside its own.
//
// (*sql.Conn).Raw hands out the wrapped connection, and a type assertion to the driver's type
// panics. Call [Raw] instead, or [DriverConn] in the function that is given to Raw.
//
// Rows that are never closed are reported, tagged abandoned, when they are garbage. database/sql
// holds those of prepared statements, of transactions and of contexts that can be cancelled: they
// are reported when their context ends, when no row was read for ten minutes and another query
// comes, or when the database is closed.
//
// Since Go 1.27 a driver may scan columns itself. A column that takes long is a wait, except into a
// destination with methods, such as a sql.Scanner, which is the program's work. Its error is not
// recorded, since it quotes the row's value.
//
// A statement that was prepared on the pool waits for it each time it is used, which is not drawn; nor is the wait of a
// caller that gives up before any call through the same [DB] has come as far as the driver.
//
// Not covered: the closing of a statement or a connection, which has no context. go-sql-driver/mysql tells
// the server and waits for no answer; with a driver that waits, as lib/pq and pgx do when a statement closes, that
// wait looks like the program's own time.
package sql
