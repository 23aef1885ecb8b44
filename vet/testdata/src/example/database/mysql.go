package database

import (
	"database/sql"
	"log"
)

const driverName = "mysql"

func openMySQL(dsn string) {
	if _, err := sql.Open("mysql", dsn); err != nil { // want `GT102: sql.Open: .*; use gapmysql.Open`
		log.Fatal(err)
	}
}

func openConstant(dsn string) {
	sql.Open(driverName, dsn) // want `GT102: sql.Open: .*; use gapmysql.Open`
}
