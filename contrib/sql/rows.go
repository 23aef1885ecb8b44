package gapsql

import (
	"database/sql/driver"
	"io"
	"reflect"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// rows are the rows of a sampled query. Each Next, NextResultSet and Close may be a wait. Close
// ends the call; database/sql calls it at the end of the rows and after an error.
type rows struct {
	driver.Rows
	call   call
	buffer rowBuffer
}

var (
	_ driver.RowsNextResultSet              = (*rows)(nil)
	_ driver.RowsColumnTypeScanType         = (*rows)(nil)
	_ driver.RowsColumnTypeDatabaseTypeName = (*rows)(nil)
	_ driver.RowsColumnTypeLength           = (*rows)(nil)
	_ driver.RowsColumnTypeNullable         = (*rows)(nil)
	_ driver.RowsColumnTypePrecisionScale   = (*rows)(nil)
)

// watch returns rows that read raw and record the waits on c.
func watch(raw driver.Rows, c call) driver.Rows {
	if r := watchScanner(raw, c); r != nil {
		return r
	}
	r := &rows{raw, c, rowBufferOf(raw)}
	spanutil.Watch(c.recorded, r)
	return r
}

// wait begins a wait. If the query was reported as abandoned, it begins a second query.
func (r *rows) wait() spanutil.Wait {
	wait := r.call.recorded.Wait()
	if wait.Pending() {
		return wait
	}
	if call := r.call.recorded.Resume(); call != nil {
		r.call.recorded = call
		r.call.tagSpan()
		spanutil.Watch(call, r)
		return call.Wait()
	}
	return wait
}

func (r *rows) Next(dest []driver.Value) error {
	return r.advance(r.waitForRow(), func() error { return r.Rows.Next(dest) })
}

// waitForRow begins a wait, unless the row has been received.
func (r *rows) waitForRow() spanutil.Wait {
	if r.buffer.hasRow() {
		if guard := r.call.recorded.Guard(); guard.Pending() {
			return guard
		}
	}
	return r.wait()
}

// advance calls next, the driver's Next or NextRow.
func (r *rows) advance(wait spanutil.Wait, next func() error) error {
	defer wait.Unwound()
	err := next()
	wait.DoneOne(err)
	r.call.recorded.Fail(r.call.failure(err))
	return err
}

func (r *rows) Close() error {
	wait := r.wait()
	defer wait.Unwound()
	err := r.Rows.Close()
	wait.Done(0)
	r.call.recorded.Finish(r.call.failure(err))
	return err
}

func (r *rows) HasNextResultSet() bool {
	next, ok := r.Rows.(driver.RowsNextResultSet)
	return ok && next.HasNextResultSet()
}

func (r *rows) NextResultSet() error {
	next, ok := r.Rows.(driver.RowsNextResultSet)
	if !ok {
		return io.EOF
	}
	wait := r.wait()
	defer wait.Unwound()
	err := next.NextResultSet()
	wait.Done(0)
	r.call.recorded.Fail(r.call.failure(err))
	return err
}

func (r *rows) ColumnTypeScanType(index int) reflect.Type {
	if c, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return c.ColumnTypeScanType(index)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(index int) string {
	if c, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return c.ColumnTypeDatabaseTypeName(index)
	}
	return ""
}

func (r *rows) ColumnTypeLength(index int) (length int64, ok bool) {
	if c, has := r.Rows.(driver.RowsColumnTypeLength); has {
		return c.ColumnTypeLength(index)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(index int) (nullable, ok bool) {
	if c, has := r.Rows.(driver.RowsColumnTypeNullable); has {
		return c.ColumnTypeNullable(index)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(index int) (precision, scale int64, ok bool) {
	if c, has := r.Rows.(driver.RowsColumnTypePrecisionScale); has {
		return c.ColumnTypePrecisionScale(index)
	}
	return 0, 0, false
}
