// Package sql has the names of ent's driver that the tests use.
package sql

import "database/sql"

type Driver struct{}

func Open(dialect, source string) (*Driver, error) { return nil, nil }
func OpenDB(dialect string, db *sql.DB) *Driver    { return nil }
