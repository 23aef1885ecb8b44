package dotimport

import . "database/sql"

func open(dsn string) (*DB, error) {
	return Open("postgres", dsn) // want `GT102: Open: .*; use gapsql.Open`
}
