// Package owndriver registers a driver of its own by the name of another.
package owndriver

import (
	"database/sql"
	"database/sql/driver"
)

func open(d driver.Driver) (*sql.DB, error) {
	sql.Register("mysql", d)
	return sql.Open("mysql", "dsn") // want `GT102: .*; use gapsql.Open`
}
