// Package sql has the name of the package that it uses.
package sql

import (
	stdsql "database/sql"
)

func open(dsn string) (*stdsql.DB, error) {
	return stdsql.Open("sqlite3", dsn) // want `GT102: stdsql.Open: .*; use gapsql.Open`
}
