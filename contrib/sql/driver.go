package gapsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/gaptrace/gaptrace"
)

// Open opens a database as sql.Open does, and records its calls. driverName is the name of a
// registered driver, and becomes db.type. dataSourceName is never recorded. Open returns the errors
// of sql.Open, and one of its own if the driver's connectors have no Driver.
//
// To get the registered driver, Open opens a database, takes its Driver, and closes it. If the
// registered driver wraps another one, its connector may return the inner driver, and Open would
// leave out the outer one. In that case, use [Wrap] with the outer driver's connector.
func Open(driverName, dataSourceName string, opts ...gaptrace.Option) (*sql.DB, error) {
	driverName = originalName(driverName)
	c, err := registeredConnector("gapsql.Open", driverName, dataSourceName)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(wrapConnector(c, dataSourceName, newDatabase(Target{Type: driverName}, opts))), nil
}

// registeredConnector returns a connector of the driver that is registered as driverName.
// database/sql has no function that returns a registered driver. caller is for error messages.
func registeredConnector(caller, driverName, dsn string) (driver.Connector, error) {
	db, err := sql.Open(driverName, dsn)
	if err != nil {
		return nil, err
	}
	d := db.Driver()
	_ = db.Close() // it has no connection yet
	if d == nil {
		return nil, fmt.Errorf("%s: driver %q has connectors without a Driver; use gapsql.Wrap", caller, driverName)
	}
	return openConnector(d, dsn)
}

// WrapDriver returns a new driver, for sql.Register, whose connections record spans. Their db.type
// is "sql". If d is already wrapped by this package, opts replace the earlier options. WrapDriver
// panics if d is nil.
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
	open := func(context.Context) (driver.Conn, error) { return d.Driver.Open(name) }
	return d.db.connect(context.Background(), name, open)
}

func (d wrappedDriver) OpenConnector(name string) (driver.Connector, error) {
	c, err := openConnector(d.Driver, name)
	if err != nil || c == nil {
		return c, err
	}
	return wrapConnector(c, name, d.db.another()), nil
}

func openConnector(d driver.Driver, name string) (driver.Connector, error) {
	if d, ok := d.(driver.DriverContext); ok {
		return d.OpenConnector(name)
	}
	return dsnConnector{d, name}, nil
}

// dsnConnector is the connector of a driver without OpenConnector, like the one in database/sql.
type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

func (c dsnConnector) Driver() driver.Driver { return c.driver }
