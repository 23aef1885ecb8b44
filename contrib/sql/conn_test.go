package gapsql_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestRawAndDriverConn(t *testing.T) {
	for _, all := range []map[string]func(conn) driver.Conn{conns, moreConns} {
		for name, shape := range all {
			f := &fake{shape: shape}
			want := shape(conn{f})
			for which, c := range map[string]driver.Connector{"raw": f, "wrapped": gapsql.Wrap(f)} {
				db := sql.OpenDB(c)
				held := spantest.Must(gapsql.WrapDB(db).Conn(t.Context()))(t)
				failure := gapsql.Raw(held, func(got any) error {
					if got != want {
						t.Errorf("%s, %s: Raw: %T", name, which, got)
					}
					return errBoom
				})
				if failure != errBoom { //nolint:errorlint // by identity
					t.Error(failure)
				}
				spantest.Must(db, held.Raw(func(c any) error {
					if got := gapsql.DriverConn(c); got != want {
						t.Errorf("%s, %s: DriverConn: %T", name, which, got)
					}
					if c, ok := c.(interface{ Raw() driver.Conn }); ok != (which == "wrapped") || ok && c.Raw() != want {
						t.Errorf("%s, %s: a method Raw: %v", name, which, ok)
					}
					return nil
				}))(t)
				held.Close()
				db.Close()
			}
		}
	}
	if got := gapsql.DriverConn(nil); got != nil {
		t.Errorf("DriverConn(nil) = %v", got)
	}
}

func TestFailedAssertionNamesDriverConn(t *testing.T) {
	for _, all := range []map[string]func(conn) driver.Conn{conns, moreConns} {
		for name, shape := range all {
			c := spantest.Must(gapsql.Wrap(&fake{shape: shape}).Connect(t.Context()))(t)
			func() {
				defer func() {
					if said := fmt.Sprint(recover()); !strings.Contains(said,
						"github.com/gaptrace/gaptrace/contrib/sql.useDriverConn") {
						t.Errorf("%s: %s", name, said)
					}
				}()
				_ = c.(conn)
			}()
		}
	}
}

func TestNilResultsStayNil(t *testing.T) {
	f := &fake{
		shape: modern,
		stmt:  func(stmt) driver.Stmt { return nil },
		rows:  func(*rows) driver.Rows { return nil },
	}
	tracer := spantest.NewTracer()
	raw, err := gapsql.Wrap(f, gaptrace.WithTracer(tracer), gaptrace.WithRoots()).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := raw.(driver.ConnPrepareContext).PrepareContext(t.Context(), "SELECT"); s != nil || err != nil {
		t.Errorf("stmt: %v, %v", s, err)
	}
	if r, err := raw.(driver.QueryerContext).QueryContext(t.Context(), "SELECT", nil); r != nil || err != nil {
		t.Errorf("rows: %v, %v", r, err)
	}
	f.shape = func(conn) driver.Conn { return nil }
	if c, err := gapsql.Wrap(f, gaptrace.WithTracer(tracer), gaptrace.WithRoots()).Connect(t.Context()); c != nil ||
		err != nil {
		t.Errorf("conn: %v, %v", c, err)
	}
	if problems := tracer.Problems(); problems != nil {
		t.Error(problems)
	}
}
