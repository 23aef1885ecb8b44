package database

import (
	"database/sql"
	"database/sql/driver"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/gaptrace/gaptrace/contrib/sql"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/jmoiron/sqlx"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
)

func wrappedOpen(dsn string) {
	gapsql.Open("postgres", dsn)
	gapmysql.Open(dsn)
}

func wrappedConnector(c driver.Connector) {
	sql.OpenDB(gapsql.Wrap(c))
	sql.OpenDB(gapsql.WrapTarget(c, gapsql.Target{}))
	wrapped := gapsql.Wrap(c)
	sql.OpenDB(wrapped)
}

func wrappedDB(dsn string) {
	db, err := sql.Open("postgres", dsn)
	if err == nil {
		gapsql.WrapDB(db)
	}
}

func newConnector(config any) {
	c, err := gapmysql.NewConnector(config)
	if err == nil {
		sql.OpenDB(c)
	}
}

func registered(dsn string) {
	name := gapsql.Register("mysql")
	sqlx.Connect(name, dsn)
	sql.Open(gapsql.Register("postgres"), dsn)
}

// The name of a wrapped driver as an argument of a query wraps nothing.
func queried(dsn string) {
	db, err := sqlx.Connect("postgres", dsn) // want `GT102: sqlx.Connect: .*; pass it the driver name that gapsql.Register returns`
	if err == nil {
		db.Exec("INSERT INTO drivers VALUES (?)", gapsql.Register("mysql"))
	}
}

func wrappedGORM(dsn string) {
	db, err := gapmysql.Open(dsn)
	if err == nil {
		gorm.Open(gormmysql.New(gormmysql.Config{Conn: db}), nil)
	}
}

func wrappedEnt(dsn string) {
	db, err := gapmysql.Open(dsn)
	if err == nil {
		entsql.OpenDB("mysql", db)
		sqlx.NewDb(db, "mysql")
	}
}
