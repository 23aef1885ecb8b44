//go:build !go1.27

package gapsql

import "database/sql/driver"

// watchScanner returns nil: only since Go 1.27 may drivers scan columns.
func watchScanner(driver.Rows, call) driver.Rows { return nil }
