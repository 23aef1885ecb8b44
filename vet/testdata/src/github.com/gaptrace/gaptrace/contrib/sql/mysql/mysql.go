// Package gapmysql has the names of the wrapper that the tests use.
package gapmysql

import (
	"database/sql"
	"database/sql/driver"

	"github.com/gaptrace/gaptrace"
)

func Open(dsn string, opts ...gaptrace.Option) (*sql.DB, error)                  { return nil, nil }
func NewConnector(config any, opts ...gaptrace.Option) (driver.Connector, error) { return nil, nil }
