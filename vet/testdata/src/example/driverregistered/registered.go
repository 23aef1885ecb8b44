// Package driverregistered opens a driver that it has registered itself.
package driverregistered

import (
	"database/sql"
	"database/sql/driver"

	"github.com/gaptrace/gaptrace/contrib/sql"
)

type theirs struct{}

func (theirs) Open(name string) (driver.Conn, error) { return nil, nil }

const name = "theirs+spans"

func setUp() { sql.Register(name, gapsql.WrapDriver(theirs{})) }

func open(dsn string) {
	sql.Open(name, dsn)
	sql.Open("theirs+spans", dsn)
}

func openOther(dsn string) {
	sql.Open("postgres", dsn) // want `GT102: sql.Open`
}
