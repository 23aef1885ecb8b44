// Package comments has comments in places that a fix would change.
package comments

import "database/sql" // the only one

func inside(dsn string) {
	sql.Open("mysql" /* registered in main */, dsn) // want `GT102: .*; use gapmysql.Open`
}

func next(dsn string) {
	sql.Open("postgres", dsn) // want `GT102: .*; use gapsql.Open`
}

func before(dsn string) {
	sql.Open( /* for reports */ "postgres", dsn) // want `GT102: .*; use gapsql.Open`
}
