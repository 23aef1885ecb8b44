// Package gapsql has the names of the wrapper that the tests use.
package gapsql

import (
	"database/sql"
	"database/sql/driver"

	"github.com/gaptrace/gaptrace"
)

type (
	DB     struct{ *sql.DB }
	Target struct{ Instance string }
)

func Open(driverName, dsn string, opts ...gaptrace.Option) (*sql.DB, error) { return nil, nil }
func Register(driverName string, opts ...gaptrace.Option) (name string)     { return "" }
func Wrap(c driver.Connector, opts ...gaptrace.Option) driver.Connector     { return c }
func WrapTarget(c driver.Connector, target Target, opts ...gaptrace.Option) driver.Connector {
	return c
}
func WrapDriver(d driver.Driver, opts ...gaptrace.Option) driver.Driver { return d }
func WrapDB(db *sql.DB) *DB                                             { return nil }
