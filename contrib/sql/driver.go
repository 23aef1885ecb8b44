package gapsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/gaptrace/gaptrace"
)

// Open is sql.Open with spans: driverName names a registered driver, and becomes db.type. The
// dataSourceName is the driver's affair; nothing of it is recorded. Errors are those of sql.Open.
//
// There is no way to ask database/sql for a driver but to open a database: Open does so, closes it, and
// asks the driver for a second connector. The driver is the one that the first connector names. Where that is
// not the one registered, as with a layer of somebody else's that names what lies below it, use [Wrap] with the
// layer's connector.
func Open(driverName, dataSourceName string, opts ...gaptrace.Option) (*sql.DB, error) {
	db, err := sql.Open(driverName, dataSourceName)
	if err != nil {
		return nil, err
	}
	d := db.Driver()
	_ = db.Close() // it has never connected
	if d == nil {
		return nil, fmt.Errorf("gaptrace/contrib/sql: the driver %q does not say what it is: want Wrap and its connector", driverName)
	}
	c, err := openConnector(d, dataSourceName)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(wrapConnector(c, dataSourceName, newDatabase(Target{Type: driverName}, opts))), nil
}

// WrapDriver returns a driver, for sql.Register, whose connections draw spans; db.type is "sql", as
// with [Wrap]. It panics when d is nil, and replaces the options of a driver that it has wrapped.
func WrapDriver(d driver.Driver, opts ...gaptrace.Option) driver.Driver {
	if d == nil {
		panic("gapsql.WrapDriver: d is nil")
	}
	if ours, ok := d.(wrappedDriver); ok {
		d = ours.Driver
	}
	return wrappedDriver{d, newDatabase(Target{Type: "sql"}, opts)}
}

type wrappedDriver struct {
	driver.Driver
	db *database
}

var _ driver.DriverContext = wrappedDriver{}

func (d wrappedDriver) Open(name string) (driver.Conn, error) {
	return d.db.connect(context.Background(), name, func() (driver.Conn, error) { return d.Driver.Open(name) })
}

func (d wrappedDriver) OpenConnector(name string) (driver.Connector, error) {
	c, err := openConnector(d.Driver, name)
	if err != nil || c == nil {
		return c, err
	}
	return wrapConnector(c, name, &database{wrapper: d.db.wrapper, target: d.db.target, tags: d.db.tags}), nil
}

func openConnector(d driver.Driver, name string) (driver.Connector, error) {
	if d, ok := d.(driver.DriverContext); ok {
		return d.OpenConnector(name)
	}
	return dsnConnector{d, name}, nil
}

// dsnConnector connects by a driver that has no connectors, as database/sql does.
type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

func (c dsnConnector) Driver() driver.Driver { return c.driver }
