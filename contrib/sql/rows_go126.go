//go:build !go1.27

package gapsql

import "database/sql/driver"

// watchScanner returns nil: before Go 1.27, drivers cannot scan columns.
func watchScanner(driver.Rows, call) driver.Rows { return nil }
