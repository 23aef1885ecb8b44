package names

import (
	"database/sql"
	gapsql "path"
)

func imported(dsn string) {
	sql.Open("postgres", gapsql.Join(dsn, "orders")) // want `GT102: .*; use gapsql2.Open`
}
