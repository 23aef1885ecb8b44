package gapsql

import (
	"cmp"
	"context"
	"database/sql/driver"
	"io"

	"github.com/gaptrace/gaptrace"
)

// Target says which database a connector leads to, for the tags of its spans. An empty field is a
// tag left out. It has no place for a password.
type Target struct {
	Type     string // db.type: the kind of database, in lower case: "mysql"
	Instance string // db.instance: the name of the database
	User     string // db.user
	Address  string // peer.address: host:port, or the path of a Unix socket
}

// Wrap returns a connector, for sql.OpenDB, whose connections draw spans. All it knows of the database
// is that it is one: db.type is "sql", as OpenTracing's conventions have it. Wrap panics when c is
// nil.
func Wrap(c driver.Connector, opts ...gaptrace.Option) driver.Connector {
	if c == nil {
		panic("gapsql.Wrap: c is nil")
	}
	return WrapTarget(c, Target{Type: "sql"}, opts...)
}

// WrapTarget is Wrap for a caller who knows where c leads, such as a package for one driver that
// reads its data source names. It panics when c is nil. Of a connector that is wrapped already, by
// this package, it replaces the options and the target.
func WrapTarget(c driver.Connector, target Target, opts ...gaptrace.Option) driver.Connector {
	if c == nil {
		panic("gapsql.WrapTarget: c is nil")
	}
	return wrapConnector(c, "", newDatabase(target, opts))
}

// wrapConnector replaces the wrapping of a connector that has one: each call is one span.
func wrapConnector(c driver.Connector, dsn string, db *database) driver.Connector {
	if ours, ok := c.(connector); ok {
		c, dsn = ours.Connector, cmp.Or(dsn, ours.dsn)
	}
	return connector{c, dsn, db}
}

// connector's Driver is the wrapped connector's own, so that who asks a sql.DB for its driver's
// type finds it.
type connector struct {
	driver.Connector
	dsn string // "": not known
	db  *database
}

var _ io.Closer = connector{}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.db.connect(ctx, c.dsn, func() (driver.Conn, error) { return c.Connector.Connect(ctx) })
}

// Close is called by (*sql.DB).Close.
func (c connector) Close() error {
	c.db.unread.close()
	if closer, ok := c.Connector.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// connect dials. A dsn that the driver parses only now may be quoted by its error, password and all.
func (db *database) connect(ctx context.Context, dsn string, dial func() (driver.Conn, error)) (raw driver.Conn, err error) {
	c := db.begin(ctx, "sql connect", "")
	c.dsn = dsn
	err = c.record(func() (err error) {
		raw, err = dial()
		return err
	})
	if err != nil || raw == nil {
		return raw, err
	}
	return wrapConn(raw, db), nil
}
