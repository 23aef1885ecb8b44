package gapmysql

import (
	"database/sql"
	"database/sql/driver"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/go-sql-driver/mysql"
)

// Open opens a database with this driver, as sql.Open does, and records its calls. If dsn is
// malformed, it returns the driver's error.
func Open(dsn string, opts ...gaptrace.Option) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	c, err := NewConnector(cfg, opts...)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// NewConnector returns a new connector, as the driver's NewConnector does, that records its calls.
// It does not change cfg, and panics if cfg is nil.
func NewConnector(cfg *mysql.Config, opts ...gaptrace.Option) (driver.Connector, error) {
	if cfg == nil {
		panic("gapmysql.NewConnector: cfg is nil")
	}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	target := gapsql.Target{Type: "mysql", Instance: cfg.DBName, User: cfg.User, Address: address(cfg)}
	return gapsql.WrapTarget(c, target, opts...), nil
}

// address returns cfg.Addr completed by the driver's defaults, such as port 3306. Only the driver's
// ParseDSN adds them.
func address(cfg *mysql.Config) string {
	addressOnly := mysql.NewConfig()
	addressOnly.Net, addressOnly.Addr = cfg.Net, cfg.Addr
	parsed, err := mysql.ParseDSN(addressOnly.FormatDSN())
	if err != nil { // a network that the program registered has no defaults
		return cfg.Addr
	}
	return parsed.Addr
}
