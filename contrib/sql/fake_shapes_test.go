package gapsql_test

import "database/sql/driver"

// conns are the shapes of connections that a driver may have.
var conns = map[string]func(conn) driver.Conn{
	"bare": func(c conn) driver.Conn { return c },
	"before Go 1.8": func(c conn) driver.Conn {
		return struct {
			conn
			oldExecer
			oldQueryer
		}{c, oldExecer(c), oldQueryer(c)}
	},
	"execer": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			connChecker
		}{c, execer(c), connChecker(c)}
	},
	"queryer": func(c conn) driver.Conn {
		return struct {
			conn
			queryer
			preparer
		}{c, queryer(c), preparer(c)}
	},
	"skips arguments": func(c conn) driver.Conn {
		return struct {
			conn
			skipper
			connChecker
			resetter
			validator
		}{c, skipper(c), connChecker(c), resetter(c), validator(c)}
	},
	"old queryer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			oldQueryer
			resetter
			validator
		}{c, oldQueryer(c), resetter(c), validator(c)}
	},
	"old execer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			oldExecer
			resetter
			validator
		}{c, oldExecer(c), resetter(c), validator(c)}
	},
	"resets": func(c conn) driver.Conn {
		return struct {
			conn
			resetter
			pinger
			beginner
		}{c, resetter(c), pinger(c), beginner(c)}
	},
	"resets and validates": func(c conn) driver.Conn {
		return struct {
			conn
			resetter
			validator
		}{c, resetter(c), validator(c)}
	},
	"modern": modern,
}

// moreConns are more shapes: all combinations of the parts that decide the shape of a wrapped
// connection, each other part alone, and all parts except one.
var moreConns = map[string]func(conn) driver.Conn{
	"validator": func(c conn) driver.Conn {
		return struct {
			conn
			validator
		}{c, validator(c)}
	},
	"oldQueryer": func(c conn) driver.Conn {
		return struct {
			conn
			oldQueryer
		}{c, oldQueryer(c)}
	},
	"oldQueryer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			oldQueryer
			validator
		}{c, oldQueryer(c), validator(c)}
	},
	"queryer": func(c conn) driver.Conn {
		return struct {
			conn
			queryer
		}{c, queryer(c)}
	},
	"queryer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			queryer
			validator
		}{c, queryer(c), validator(c)}
	},
	"oldExecer": func(c conn) driver.Conn {
		return struct {
			conn
			oldExecer
		}{c, oldExecer(c)}
	},
	"oldExecer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			oldExecer
			validator
		}{c, oldExecer(c), validator(c)}
	},
	"oldExecer, oldQueryer": func(c conn) driver.Conn {
		return struct {
			conn
			oldExecer
			oldQueryer
		}{c, oldExecer(c), oldQueryer(c)}
	},
	"oldExecer, oldQueryer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			oldExecer
			oldQueryer
			validator
		}{c, oldExecer(c), oldQueryer(c), validator(c)}
	},
	"oldExecer, queryer": func(c conn) driver.Conn {
		return struct {
			conn
			oldExecer
			queryer
		}{c, oldExecer(c), queryer(c)}
	},
	"oldExecer, queryer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			oldExecer
			queryer
			validator
		}{c, oldExecer(c), queryer(c), validator(c)}
	},
	"execer": func(c conn) driver.Conn {
		return struct {
			conn
			execer
		}{c, execer(c)}
	},
	"execer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			validator
		}{c, execer(c), validator(c)}
	},
	"execer, oldQueryer": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			oldQueryer
		}{c, execer(c), oldQueryer(c)}
	},
	"execer, oldQueryer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			oldQueryer
			validator
		}{c, execer(c), oldQueryer(c), validator(c)}
	},
	"execer, queryer": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			queryer
		}{c, execer(c), queryer(c)}
	},
	"execer, queryer, validator": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			queryer
			validator
		}{c, execer(c), queryer(c), validator(c)}
	},
	"pinger alone": func(c conn) driver.Conn {
		return struct {
			conn
			pinger
		}{c, pinger(c)}
	},
	"preparer alone": func(c conn) driver.Conn {
		return struct {
			conn
			preparer
		}{c, preparer(c)}
	},
	"beginner alone": func(c conn) driver.Conn {
		return struct {
			conn
			beginner
		}{c, beginner(c)}
	},
	"resetter alone": func(c conn) driver.Conn {
		return struct {
			conn
			resetter
		}{c, resetter(c)}
	},
	"connChecker alone": func(c conn) driver.Conn {
		return struct {
			conn
			connChecker
		}{c, connChecker(c)}
	},
	"all but execer": func(c conn) driver.Conn {
		return struct {
			conn
			queryer
			pinger
			preparer
			beginner
			resetter
			validator
			connChecker
		}{c, queryer(c), pinger(c), preparer(c), beginner(c), resetter(c), validator(c), connChecker(c)}
	},
	"all but queryer": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			pinger
			preparer
			beginner
			resetter
			validator
			connChecker
		}{c, execer(c), pinger(c), preparer(c), beginner(c), resetter(c), validator(c), connChecker(c)}
	},
	"all but pinger": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			queryer
			preparer
			beginner
			resetter
			validator
			connChecker
		}{c, execer(c), queryer(c), preparer(c), beginner(c), resetter(c), validator(c), connChecker(c)}
	},
	"all but preparer": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			queryer
			pinger
			beginner
			resetter
			validator
			connChecker
		}{c, execer(c), queryer(c), pinger(c), beginner(c), resetter(c), validator(c), connChecker(c)}
	},
	"all but beginner": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			queryer
			pinger
			preparer
			resetter
			validator
			connChecker
		}{c, execer(c), queryer(c), pinger(c), preparer(c), resetter(c), validator(c), connChecker(c)}
	},
	"all but resetter": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			queryer
			pinger
			preparer
			beginner
			validator
			connChecker
		}{c, execer(c), queryer(c), pinger(c), preparer(c), beginner(c), validator(c), connChecker(c)}
	},
	"all but validator": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			queryer
			pinger
			preparer
			beginner
			resetter
			connChecker
		}{c, execer(c), queryer(c), pinger(c), preparer(c), beginner(c), resetter(c), connChecker(c)}
	},
	"all but connChecker": func(c conn) driver.Conn {
		return struct {
			conn
			execer
			queryer
			pinger
			preparer
			beginner
			resetter
			validator
		}{c, execer(c), queryer(c), pinger(c), preparer(c), beginner(c), resetter(c), validator(c)}
	},
}

var stmts = map[string]func(stmt) driver.Stmt{
	"bare": func(s stmt) driver.Stmt { return s },
	"contexts": func(s stmt) driver.Stmt {
		return struct {
			stmt
			stmtExecer
			stmtQueryer
		}{s, stmtExecer{s}, stmtQueryer{s}}
	},
	"checks": func(s stmt) driver.Stmt {
		return struct {
			stmt
			stmtChecker
		}{s, stmtChecker{s.f}}
	},
	"converts columns": func(s stmt) driver.Stmt {
		return struct {
			stmt
			converter
		}{s, converter{s.f}}
	},
	"modern": modernStmt,
}

var rowses = map[string]func(*rows) driver.Rows{
	"bare": func(r *rows) driver.Rows { return r },
	"sets": func(r *rows) driver.Rows { return setRows{r} },
	"types": func(r *rows) driver.Rows {
		return struct {
			*rows
			typeRows
		}{r, typeRows{}}
	},
	"modern": modernRows,
}
