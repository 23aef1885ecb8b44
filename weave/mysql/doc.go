// Package mysql names the database in the spans of a program that gaptrace build has built, as
// package contrib/sql/mysql does. It covers databases that sql.Open opens with go-sql-driver/mysql.
package mysql
