// Package mysql has the names of GORM's driver for MySQL that the tests use.
package mysql

import (
	"database/sql"

	"gorm.io/gorm"
)

type Config struct {
	DSN  string
	Conn *sql.DB
}

type Dialector struct{ Config }

func (Dialector) Name() string { return "mysql" }

func Open(dsn string) gorm.Dialector { return Dialector{} }
func New(c Config) gorm.Dialector    { return Dialector{c} }
