// Package gapmysql records the calls of database/sql with the driver go-sql-driver/mysql as
// OpenTracing spans. It is contrib/sql with tags for the database, read from the data source name.
//
//	import gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
//
//	db, err := gapmysql.Open("user:password@tcp(db.example.com)/shop") // instead of sql.Open
//
// Spans, tags, options and failures are those of contrib/sql. These tags are added or have a value
// of their own:
//
//	db.type        "mysql"
//	db.instance    the database's name
//	db.user        the user's name; never the password
//	peer.address   host:port, or the path of a Unix socket
//
// The tags show what the data source name says. A BeforeConnect or DialFunc that connects elsewhere
// does not change them.
//
// This driver prepares every statement with arguments: a "sql prepare" comes before "sql query" and
// "sql exec". With interpolateParams=true in the data source name it does not.
package gapmysql
