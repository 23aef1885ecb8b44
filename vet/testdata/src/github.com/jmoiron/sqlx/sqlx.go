// Package sqlx has the names of sqlx that the tests use.
package sqlx

import (
	"context"
	"database/sql"
)

type (
	DB        struct{ *sql.DB }
	Tx        struct{ *sql.Tx }
	Stmt      struct{ *sql.Stmt }
	NamedStmt struct{ Stmt *Stmt }
	Rows      struct{ *sql.Rows }
	Row       struct{}
)

func Open(driverName, dsn string) (*DB, error)                                { return nil, nil }
func MustOpen(driverName, dsn string) *DB                                     { return nil }
func Connect(driverName, dsn string) (*DB, error)                             { return nil, nil }
func MustConnect(driverName, dsn string) *DB                                  { return nil }
func ConnectContext(ctx context.Context, driverName, dsn string) (*DB, error) { return nil, nil }
func NewDb(db *sql.DB, driverName string) *DB                                 { return nil }
func BindDriver(driverName string, bindType int)                              {}

func (*DB) Get(dest any, query string, args ...any) error                                { return nil }
func (*DB) GetContext(ctx context.Context, dest any, query string, args ...any) error    { return nil }
func (*DB) Select(dest any, query string, args ...any) error                             { return nil }
func (*DB) SelectContext(ctx context.Context, dest any, query string, args ...any) error { return nil }
func (*DB) Queryx(query string, args ...any) (*Rows, error)                              { return nil, nil }
func (*DB) QueryxContext(ctx context.Context, query string, args ...any) (*Rows, error) {
	return nil, nil
}
func (*DB) QueryRowx(query string, args ...any) *Row                             { return nil }
func (*DB) QueryRowxContext(ctx context.Context, query string, args ...any) *Row { return nil }
func (*DB) NamedExec(query string, arg any) (sql.Result, error)                  { return nil, nil }
func (*DB) NamedExecContext(ctx context.Context, query string, arg any) (sql.Result, error) {
	return nil, nil
}
func (*DB) NamedQuery(query string, arg any) (*Rows, error) { return nil, nil }
func (*DB) NamedQueryContext(ctx context.Context, query string, arg any) (*Rows, error) {
	return nil, nil
}
func (*DB) MustExec(query string, args ...any) sql.Result                             { return nil }
func (*DB) MustExecContext(ctx context.Context, query string, args ...any) sql.Result { return nil }
func (*DB) Preparex(query string) (*Stmt, error)                                      { return nil, nil }
func (*DB) PreparexContext(ctx context.Context, query string) (*Stmt, error)          { return nil, nil }
func (*DB) PrepareNamed(query string) (*NamedStmt, error)                             { return nil, nil }
func (*DB) PrepareNamedContext(ctx context.Context, query string) (*NamedStmt, error) {
	return nil, nil
}
func (*DB) Beginx() (*Tx, error)                                           { return nil, nil }
func (*DB) BeginTxx(ctx context.Context, opts *sql.TxOptions) (*Tx, error) { return nil, nil }
func (*DB) MustBegin() *Tx                                                 { return nil }
func (*DB) MustBeginTx(ctx context.Context, opts *sql.TxOptions) *Tx       { return nil }

func (*Tx) Get(dest any, query string, args ...any) error                             { return nil }
func (*Tx) GetContext(ctx context.Context, dest any, query string, args ...any) error { return nil }
func (*Tx) NamedExec(query string, arg any) (sql.Result, error)                       { return nil, nil }
func (*Tx) NamedExecContext(ctx context.Context, query string, arg any) (sql.Result, error) {
	return nil, nil
}

func (*Stmt) Select(dest any, args ...any) error                             { return nil }
func (*Stmt) SelectContext(ctx context.Context, dest any, args ...any) error { return nil }

func (*NamedStmt) Exec(arg any) (sql.Result, error)                             { return nil, nil }
func (*NamedStmt) ExecContext(ctx context.Context, arg any) (sql.Result, error) { return nil, nil }
