package gapsql

import (
	"database/sql"
	"database/sql/driver"
)

// The optional parts of a connection. If one is absent, database/sql acts in a way that no result
// of a method can bring about:
//
//   - Without an execer or a queryer, it prepares a statement first, and then checks the arguments.
//   - Without a validator or a resetter, it closes the connection after a transaction whose context
//     was cancelled.
//
// A resetter alone changes nothing, so every connection without a validator gets one.
type (
	execer    struct{ *conn }
	queryer   struct{ *conn }
	validator struct{ *conn }
	resetter  struct{ *conn }
)

// useDriverConn is the type argument of every shape. If code asserts a wrapped connection to the
// driver's type, the panic names it, and thereby the function to call instead: [DriverConn].
type useDriverConn struct{}

// The twelve shapes of a wrapped connection. The letters after conn name its parts: E is an execer,
// Q a queryer, V a validator, R a resetter.
type (
	connR[see any] struct {
		*conn
		resetter
	}
	connER[see any] struct {
		*conn
		execer
		resetter
	}
	connQR[see any] struct {
		*conn
		queryer
		resetter
	}
	connEQR[see any] struct {
		*conn
		execer
		queryer
		resetter
	}
	connVR[see any] struct {
		*conn
		resetter
		validator
	}
	connEVR[see any] struct {
		*conn
		execer
		resetter
		validator
	}
	connQVR[see any] struct {
		*conn
		queryer
		resetter
		validator
	}
	connEQVR[see any] struct {
		*conn
		execer
		queryer
		resetter
		validator
	}
	connV[see any] struct {
		*conn
		validator
	}
	connEV[see any] struct {
		*conn
		execer
		validator
	}
	connQV[see any] struct {
		*conn
		queryer
		validator
	}
	connEQV[see any] struct {
		*conn
		execer
		queryer
		validator
	}
)

// wrapConn wraps raw in the shape that has the same optional parts.
func wrapConn(raw driver.Conn, db *database) driver.Conn {
	c := &conn{raw, db}
	e, q, v, r := execer{c}, queryer{c}, validator{c}, resetter{c}
	execs, queries := runsDirectly(raw)
	_, validates := raw.(driver.Validator)
	_, resets := raw.(driver.SessionResetter)
	type see = useDriverConn
	switch {
	case !validates:
		return choose(execs, queries,
			connR[see]{c, r}, connER[see]{c, e, r}, connQR[see]{c, q, r}, connEQR[see]{c, e, q, r})
	case resets:
		return choose(execs, queries,
			connVR[see]{c, r, v}, connEVR[see]{c, e, r, v}, connQVR[see]{c, q, r, v}, connEQVR[see]{c, e, q, r, v})
	}
	return choose(execs, queries,
		connV[see]{c, v}, connEV[see]{c, e, v}, connQV[see]{c, q, v}, connEQV[see]{c, e, q, v})
}

func choose(execs, queries bool, neither, e, q, both driver.Conn) driver.Conn {
	switch {
	case execs && queries:
		return both
	case execs:
		return e
	case queries:
		return q
	}
	return neither
}

// Raw is like (*sql.Conn).Raw. It calls f with the driver's own connection instead of the
// wrapper's. The database of c need not be wrapped.
func Raw(c *sql.Conn, f func(driverConn any) error) error {
	return c.Raw(func(conn any) error { return f(DriverConn(conn)) })
}

// DriverConn returns the driver's own connection. c is what (*sql.Conn).Raw passes to its callback;
// if this package has not wrapped it, DriverConn returns c itself.
func DriverConn(c any) any {
	if ours, ok := c.(wrapped); ok {
		return ours.wrapped().Conn
	}
	return c
}

// Raw returns the driver's own connection, for code that does not import this package.
func (c *conn) Raw() driver.Conn { return c.Conn }

// Woven returns the driver's own connection. ok is false if the wrapper is not woven. Package
// weave/sql calls it, since (*sql.Conn).Raw of a woven program must not show the woven wrapper.
func (c *conn) Woven() (raw driver.Conn, ok bool) { return c.Conn, c.db.wrapper.Options.Woven }

// wrapped is a wrapped connection of any shape.
type wrapped interface{ wrapped() *conn }

func (c *conn) wrapped() *conn { return c }
