package gapsql

import "database/sql/driver"

// The optional parts of a connection. Their absence means something, which no method can express:
//
//   - Without an execer or queryer, database/sql prepares a statement before it checks the
//     arguments.
//   - If a connection lacks a validator or a resetter, database/sql closes it after a transaction
//     whose context was cancelled.
//
// A resetter without a validator changes nothing, so only a connection with a validator may lack
// it.
type (
	execer    struct{ *conn }
	queryer   struct{ *conn }
	validator struct{ *conn }
	resetter  struct{ *conn }
)

// useDriverConn is a hint. If code asserts a wrapped connection to the driver's type, the panic
// names the wrapper's type, and so the function to call, [DriverConn]:
//
//	interface conversion: interface {} is
//	gapsql.connEQVR[github.com/gaptrace/gaptrace/contrib/sql.useDriverConn], not *stdlib.Conn
type useDriverConn struct{}

// The twelve shapes: E with an execer, Q with a queryer, V with a validator, R with a resetter.
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

// wrapConn returns raw, wrapped in a type that has the same optional parts.
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
