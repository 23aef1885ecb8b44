package database

import (
	"context"
	"database/sql"
	"database/sql/driver"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/XSAM/otelsql"
	"github.com/jmoiron/sqlx"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

func open(dsn string) {
	db, err := sql.Open("postgres", dsn) // want `GT102: sql.Open: the database is not opened through a wrapper; use gapsql.Open`
	if err == nil {
		db.Close()
	}
}

func openConnector(c driver.Connector) {
	sql.OpenDB(c).Close() // want `GT102: sql.OpenDB: .*; wrap its connector with gapsql.Wrap`
}

func openOther(name, dsn string, c driver.Connector) {
	otelsql.Open("mysql", dsn) // want `GT102: otelsql.Open: .*; give it the driver of gapsql.Register`
	otelsql.Open(name, dsn)    // want `GT102: otelsql.Open: .*; give it the driver name of gapsql.Register`
	otelsql.OpenDB(c)          // want `GT102: otelsql.OpenDB: .*; wrap its connector with gapsql.Wrap`
}

func openSQLx(ctx context.Context, dsn string) {
	sqlx.Open("mysql", dsn)                // want `GT102: sqlx.Open: .*; give it the driver of gapsql.Register`
	sqlx.MustOpen("sqlite3", dsn)          // want `GT102: sqlx.MustOpen: .*; give it the driver of gapsql.Register`
	sqlx.Connect("mysql", dsn)             // want `GT102: sqlx.Connect: .*; give it the driver of gapsql.Register`
	sqlx.MustConnect("mysql", dsn)         // want `GT102: sqlx.MustConnect: .*; give it the driver of gapsql.Register`
	sqlx.ConnectContext(ctx, "mysql", dsn) // want `GT102: sqlx.ConnectContext: .*; give it the driver of gapsql.Register`
	sqlx.Connect("postgres", dsn)          // want `GT102: sqlx.Connect: .*; give it the driver name that gapsql.Register returns, and to sqlx.BindDriver as well`
}

func openGORM(dsn string) {
	gorm.Open(mysql.Open(dsn), nil) // want `GT102: gorm.Open: .*; give its dialect a \*sql.DB of gapsql.Open as Conn`
}

func openEnt(dsn string) {
	entsql.Open("mysql", dsn) // want `GT102: entsql.Open: .*; give ent.NewClient a driver of entsql.OpenDB with a \*sql.DB of gapsql.Open`
}
