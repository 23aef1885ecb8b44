package gapsql_test

import (
	"testing"

	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
)

func TestNilArgumentsPanic(t *testing.T) {
	for want, wrap := range map[string]func(){
		"gapsql.Wrap: c is nil":       func() { gapsql.Wrap(nil) },
		"gapsql.WrapTarget: c is nil": func() { gapsql.WrapTarget(nil, gapsql.Target{}) },
		"gapsql.WrapDriver: d is nil": func() { gapsql.WrapDriver(nil) },
		"gapsql.WrapDB: db is nil":    func() { gapsql.WrapDB(nil) },
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("panic: %v", got)
				}
			}()
			wrap()
		})
	}
}
