// Package mysql has the name of a driver.
package mysql

import (
	"database/sql"
)

func open(dsn string) (*sql.DB, error) {
	return sql.Open("mysql", dsn) // want `GT102: .*; use gapmysql.Open`
}
