package sqlcontext

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
)

func ofDB(ctx context.Context, db *sql.DB) {
	db.Query("select ?", 1) // want `GT301: db.Query: the call has no context; use QueryContext`
	db.QueryRow("select 1") // want `GT301: .*; use QueryRowContext`
	db.Exec("delete")       // want `GT301: .*; use ExecContext`
	db.Prepare("select 1")  // want `GT301: .*; use PrepareContext`
	db.Ping()               // want `GT301: .*; use PingContext`
	db.Begin()              // want `GT301: .*; use BeginTx`
}

func ofTx(ctx context.Context, tx *sql.Tx) {
	tx.Query("select 1")    // want `GT301: .*; use QueryContext`
	tx.QueryRow("select 1") // want `GT301: .*; use QueryRowContext`
	tx.Exec("delete")       // want `GT301: .*; use ExecContext`
	tx.Prepare("select 1")  // want `GT301: .*; use PrepareContext`
	tx.Commit()
	tx.Rollback()
}

func ofStmt(ctx context.Context, s *sql.Stmt, args []any) {
	s.Query(args...) // want `GT301: .*; use QueryContext`
	s.QueryRow()     // want `GT301: .*; use QueryRowContext`
	s.Exec(1, 2)     // want `GT301: .*; use ExecContext`
	s.Close()
}

func ofSQLx(ctx context.Context, db *sqlx.DB, tx *sqlx.Tx, s *sqlx.Stmt, n *sqlx.NamedStmt) {
	db.Get(nil, "select 1")      // want `GT301: .*; use GetContext`
	db.Select(nil, "select 1")   // want `GT301: .*; use SelectContext`
	db.Queryx("select 1")        // want `GT301: .*; use QueryxContext`
	db.QueryRowx("select 1")     // want `GT301: .*; use QueryRowxContext`
	db.NamedExec("delete", nil)  // want `GT301: .*; use NamedExecContext`
	db.NamedQuery("select", nil) // want `GT301: .*; use NamedQueryContext`
	db.MustExec("delete")        // want `GT301: .*; use MustExecContext`
	db.Preparex("select 1")      // want `GT301: .*; use PreparexContext`
	db.PrepareNamed("select")    // want `GT301: .*; use PrepareNamedContext`
	db.Beginx()                  // want `GT301: .*; use BeginTxx`
	db.MustBegin()               // want `GT301: .*; use MustBeginTx`
	db.Query("select 1")         // want `GT301: .*; use QueryContext`
	tx.Get(nil, "select 1")      // want `GT301: .*; use GetContext`
	tx.NamedExec("delete", nil)  // want `GT301: .*; use NamedExecContext`
	s.Select(nil)                // want `GT301: .*; use SelectContext`
	n.Exec(nil)                  // want `GT301: .*; use ExecContext`
}

type store struct{ *sql.DB }

func (s *store) embedded(ctx context.Context) {

	s.DB.Query("select 1") // want `GT301: s.DB.Query: .*; use QueryContext`
}

// Query has the name of a method of sql.DB.
func (s *store) Query(statement string) error { return nil }

func other(ctx context.Context, s *store) { s.Query("select 1") }

func withContext(ctx context.Context, db *sql.DB) {
	db.QueryContext(ctx, "select 1")
	db.BeginTx(ctx, nil)
}

func noContext(db *sql.DB) { db.Query("select 1") }
