//go:build go1.27

package gapsql

import (
	"database/sql/driver"
	"reflect"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// watchScanner is watch for rows whose driver scans columns itself. For others it returns nil. The
// driver still scans the columns, so that Scan accepts destinations that database/sql would refuse.
func watchScanner(raw driver.Rows, c call) driver.Rows {
	scanner, ok := raw.(driver.RowsColumnScanner)
	if !ok {
		return nil
	}
	r := &scannedRows{rows{raw, c, rowBufferOf(raw)}, scanner}
	spanutil.Watch(c.recorded, r)
	return r
}

// scannedRows are rows whose driver scans columns itself. database/sql calls NextRow instead of
// Next, and ScanColumn for each destination of Scan.
type scannedRows struct {
	rows
	scanner driver.RowsColumnScanner
}

var _ driver.RowsColumnScanner = (*scannedRows)(nil)

func (r *scannedRows) NextRow() error { return r.advance(r.waitForRow(), r.scanner.NextRow) }

// ScanColumn is a wait if it is slow, unless dest may run the program's own methods. Its error is
// not recorded, since it may quote the row's value.
func (r *scannedRows) ScanColumn(scanCtx driver.ScanContext, index int, dest any) error {
	wait := r.call.recorded.Guard()
	if !hasMethods(reflect.TypeOf(dest)) {
		wait = r.wait()
	}
	defer wait.Unwound()
	err := r.scanner.ScanColumn(scanCtx, index, dest)
	wait.Done(0)
	return err
}

// hasMethods reports whether scanning into a value of type t may run the program's own methods,
// such as a sql.Scanner's Scan. Their time is the program's work.
func hasMethods(t reflect.Type) bool {
	for range 8 { // bounded, since a type may refer to itself
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
			return t.Kind() == reflect.Struct || t.Kind() == reflect.Map // their fields or elements may have methods
		}
	}
	return true
}
