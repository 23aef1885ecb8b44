// Package otelsql has the names of otelsql that the tests use.
package otelsql

import (
	"database/sql"
	"database/sql/driver"
)

type Option interface{ apply() }

func Open(driverName, dsn string, options ...Option) (*sql.DB, error) { return nil, nil }
func OpenDB(c driver.Connector, options ...Option) *sql.DB            { return nil }
