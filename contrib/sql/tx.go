package gapsql

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// tx is a transaction that began under a span, or could begin without one. Neither of its ends is
// given a context: both are recorded under the span it began under.
type tx struct {
	driver.Tx
	db  *database
	ctx context.Context // of BeginTx; database/sql holds it too, for as long
}

func (t *tx) Commit() error { return t.end("sql commit", t.Tx.Commit) }

// Rollback may be called by database/sql itself, when the context has ended.
func (t *tx) Rollback() error { return t.end("sql rollback", t.Tx.Rollback) }

func (t *tx) end(operation string, do func() error) error {
	c := t.db.begin(t.ctx, operation, "")
	return c.record(func() error {
		err := do()
		if errors.Is(err, driver.ErrBadConn) && c.Answered(spanutil.Uncounted) { // nobody tries this again
			c.Fail(err)
		}
		return err
	})
}
