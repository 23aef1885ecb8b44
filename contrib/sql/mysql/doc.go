// Package gapmysql draws spans for the calls of database/sql with the driver go-sql-driver/mysql.
// It is contrib/sql with tags for the database, which it reads from the data source name.
//
//	import gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
//
//	db, err := gapmysql.Open("user:password@tcp(db.example.com)/shop") // instead of sql.Open("mysql", …)
//
// Spans, tags, options and what is no failure are those of contrib/sql. These tags have values
// here:
//
//	db.type        "mysql"
//	db.instance    the database's name
//	db.user        the user's name; never the password
//	peer.address   host:port, or the path of a Unix socket
//
// They are what the configuration says. A function given to the driver's BeforeConnect or DialFunc,
// which may lead elsewhere, does not change them.
//
// This driver prepares every statement with arguments, unless the data source name says
// interpolateParams=true: "sql query" and "sql exec" follow a "sql prepare" then.
package gapmysql
