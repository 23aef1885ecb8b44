//go:build gaptrace_woven

package sql

import (
	"database/sql"
	"database/sql/driver"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/options"
)

// connector is a wrapped connector of contrib/sql.
type connector interface {
	OpenedAs(driverName, dataSourceName string, opts ...gaptrace.Option) driver.Connector
}

// Opened returns a connector whose tags name the database. It replaces c, which sql.Open has made
// from dataSourceName. If it returns nil, the tags name no database. Package weave/mysql sets it.
var Opened func(c driver.Connector, dataSourceName string) driver.Connector

// conn is a wrapped connection of contrib/sql.
type conn interface {
	Woven() (raw driver.Conn, ok bool)
}

func init() {
	sql.GaptraceDriverConn = func(driverConn any) any {
		if c, ok := driverConn.(conn); ok {
			if raw, ok := c.Woven(); ok {
				return raw
			}
		}
		return driverConn
	}
	sql.GaptraceOpenDB = func(c driver.Connector) driver.Connector { return gapsql.Wrap(c, options.Woven) }
	sql.GaptraceOpen = func(c driver.Connector, driverName, dataSourceName string) driver.Connector {
		ours, ok := c.(connector)
		if !ok {
			return c
		}
		named := ours.OpenedAs(driverName, dataSourceName, options.Woven)
		if named == nil { // it was wrapped by hand
			return c
		}
		if Opened != nil {
			if opened := Opened(c, dataSourceName); opened != nil {
				return opened
			}
		}
		return named
	}
}
