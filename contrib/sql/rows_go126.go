//go:build !go1.27

package gapsql

import (
	"database/sql/driver"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// watch returns raw with its waits recorded on c.
func watch(raw driver.Rows, c call) driver.Rows {
	r := &rows{raw, c}
	spanutil.Watch(c.Call, r)
	return r
}
