// Package gapmysql records the calls of database/sql with the driver go-sql-driver/mysql as
// OpenTracing spans. It is contrib/sql with tags that name the database, read from the data source
// name.
//
//	import gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
//
//	db, err := gapmysql.Open("user:password@tcp(db.example.com)/shop") // instead of sql.Open
//
// Spans, options, failures and all other tags are those of contrib/sql:
//
//	db.type        "mysql"
//	db.instance    the database's name
//	db.user        the user's name; never the password
//	peer.address   host:port, or the path of a Unix socket
//
// The tags show what the data source name says, even if a BeforeConnect or DialFunc connects
// elsewhere.
//
// The driver prepares every statement that has arguments, so a "sql prepare" comes before its "sql
// query" or "sql exec". With interpolateParams=true in the data source name it does not.
package gapmysql
