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
	otelsql.Open("mysql", dsn) // want `GT102: otelsql.Open: .*; wrap its driver name with gapsql.Register`
	otelsql.Open(name, dsn)    // want `GT102: otelsql.Open: .*; wrap its driver name with gapsql.Register`
	otelsql.OpenDB(c)          // want `GT102: otelsql.OpenDB: .*; wrap its connector with gapsql.Wrap`
}

func openSQLx(ctx context.Context, dsn string) {
	sqlx.Open("mysql", dsn)                // want `GT102: sqlx.Open: .*; wrap its driver name with gapsql.Register`
	sqlx.MustOpen("sqlite3", dsn)          // want `GT102: sqlx.MustOpen: .*; wrap its driver name with gapsql.Register`
	sqlx.Connect("mysql", dsn)             // want `GT102: sqlx.Connect: .*; wrap its driver name with gapsql.Register`
	sqlx.MustConnect("mysql", dsn)         // want `GT102: sqlx.MustConnect: .*; wrap its driver name with gapsql.Register`
	sqlx.ConnectContext(ctx, "mysql", dsn) // want `GT102: sqlx.ConnectContext: .*; wrap its driver name with gapsql.Register`
	sqlx.Connect("postgres", dsn)          // want `GT102: sqlx.Connect: .*; pass it the driver name that gapsql.Register returns, and pass that name to sqlx.BindDriver, too`
}

func openGORM(dsn string) {
	gorm.Open(mysql.Open(dsn), nil) // want `GT102: gorm.Open: .*; set Conn in the Config of its dialect to a \*sql.DB from gapsql.Open`
}

func openEnt(dsn string) {
	entsql.Open("mysql", dsn) // want `GT102: entsql.Open: .*; pass ent.NewClient a driver from entsql.OpenDB, with a \*sql.DB from gapsql.Open`
}
