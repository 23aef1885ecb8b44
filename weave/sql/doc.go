// Package sql records the calls of database/sql in a program that gaptrace build has built, as
// package contrib/sql does. It covers every sql.DB. One whose connector or driver is wrapped by
// hand is recorded by that wrapper alone. (*sql.Conn).Raw passes the driver's own connection to its
// callback, or that of a wrapper by hand, as in a program that is not woven.
package sql
