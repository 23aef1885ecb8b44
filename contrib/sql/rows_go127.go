//go:build go1.27

package sql

import (
	"database/sql/driver"
	"reflect"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// watch returns raw with its waits recorded on c. A driver that scans columns itself goes on doing
// so, since Scan accepts other destinations then.
func watch(raw driver.Rows, c call) driver.Rows {
	scanner, ok := raw.(driver.RowsColumnScanner)
	if !ok {
		r := &rows{raw, c}
		spanutil.Watch(c.Call, r)
		return r
	}
	r := &scannedRows{rows{raw, c}, scanner}
	spanutil.Watch(c.Call, r)
	return r
}

// scannedRows are rows whose driver scans columns itself. database/sql calls NextRow instead of
// Next, and ScanColumn for each destination of Scan.
type scannedRows struct {
	rows
	scanner driver.RowsColumnScanner
}

var _ driver.RowsColumnScanner = (*scannedRows)(nil)

func (r *scannedRows) NextRow() error { return r.advance(r.scanner.NextRow) }

// ScanColumn is a wait if it is slow, except into a destination whose own methods may run in it.
// Its error is not recorded: like that of a conversion by database/sql, it may quote the row's
// value.
func (r *scannedRows) ScanColumn(scanCtx driver.ScanContext, index int, dest any) error {
	waits := !hasMethods(reflect.TypeOf(dest))
	if waits {
		r.enter()
	}
	returned := false
	defer r.call.Unwound(&returned)
	err := r.scanner.ScanColumn(scanCtx, index, dest)
	returned = true
	if waits {
		r.call.Leave(0)
	}
	return err
}

// hasMethods reports whether scanning into a t may run methods of the program's types, such as Scan
// of a sql.Scanner: that is the program's work.
func hasMethods(t reflect.Type) bool {
	for range 8 { // a type may be made of itself
		if t == nil || t == reflect.TypeFor[*time.Time]() {
			return false
		}
		if t.NumMethod() > 0 {
			return true
		}
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			t = t.Elem()
		default:
			return t.Kind() == reflect.Struct || t.Kind() == reflect.Map // what is in it may have some
		}
	}
	return true
}
