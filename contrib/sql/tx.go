package gapsql

import (
	"context"
	"database/sql/driver"
)

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
	_, err := run(c, func() (any, error) { return nil, do() })
	return err
}
