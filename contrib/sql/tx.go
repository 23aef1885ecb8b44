package gapsql

import (
	"context"
	"database/sql/driver"
	"errors"
)

// BeginTx begins a transaction. The transaction is wrapped only if its end may be recorded.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	beginner, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		if err := checkDefaults(opts); err != nil {
			return nil, err
		}
	}
	begun, err := run(c.db.start(ctx, "sql begin", ""), func(ctx context.Context) (driver.Tx, error) {
		if ok {
			return beginner.BeginTx(ctx, opts)
		}
		return beginWithoutContext(ctx, c.Conn)
	})
	if err != nil || begun == nil || !c.db.wrapper.MayRecord(ctx) {
		return begun, err
	}
	return &tx{begun, c.db, ctx}, nil
}

// checkDefaults returns database/sql's error for options that need a driver with BeginTx.
func checkDefaults(opts driver.TxOptions) error {
	if opts.Isolation != 0 {
		return errors.New("sql: driver does not support non-default isolation level")
	}
	if opts.ReadOnly {
		return errors.New("sql: driver does not support read-only transactions")
	}
	return nil
}

// tx is a transaction. Commit and Rollback have no context, so they are recorded under the span in
// the context of BeginTx.
type tx struct {
	driver.Tx
	db  *database
	ctx context.Context // of BeginTx; database/sql keeps it just as long
}

func (t *tx) Commit() error { return t.end("sql commit", t.Tx.Commit) }

// Rollback rolls back. database/sql also calls it by itself, when the context ends.
func (t *tx) Rollback() error { return t.end("sql rollback", t.Tx.Rollback) }

func (t *tx) end(operation string, do func() error) error {
	c := t.db.start(t.ctx, operation, "")
	c.final = true
	_, err := run(c, func(context.Context) (any, error) { return nil, do() })
	return err
}
