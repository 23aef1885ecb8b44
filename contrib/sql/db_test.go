package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// openPool is openFake for a DB whose pool has one connection.
func openPool(t testing.TB, f *fake, opts ...gaptrace.Option) (*spantest.Tracer, context.Context, *gapsql.DB) {
	tracer, ctx, db := openFake(t, f, opts...)
	db.SetMaxOpenConns(1)
	return tracer, ctx, gapsql.WrapDB(db)
}

// poolMethods are the methods of a DB that take a connection of the pool.
var poolMethods = map[string]func(ctx context.Context, db *gapsql.DB) error{
	"PingContext": func(ctx context.Context, db *gapsql.DB) error { return db.PingContext(ctx) },
	"PrepareContext": func(ctx context.Context, db *gapsql.DB) error {
		prepared, err := db.PrepareContext(ctx, "UPDATE")
		if err == nil {
			err = prepared.Close()
		}
		return err
	},
	"ExecContext": func(ctx context.Context, db *gapsql.DB) error { _, err := db.ExecContext(ctx, "UPDATE"); return err },
	"QueryContext": func(ctx context.Context, db *gapsql.DB) error {
		r, err := db.QueryContext(ctx, "SELECT")
		if err == nil {
			err = r.Close()
		}
		return err
	},
	"QueryRowContext": func(ctx context.Context, db *gapsql.DB) error {
		var n int
		return db.QueryRowContext(ctx, "SELECT").Scan(&n)
	},
	"BeginTx": func(ctx context.Context, db *gapsql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err == nil {
			err = tx.Rollback()
		}
		return err
	},
	"Conn": func(ctx context.Context, db *gapsql.DB) error {
		conn, err := db.Conn(ctx)
		if err == nil {
			err = conn.Close()
		}
		return err
	},
}

func TestDBHasAllMethods(t *testing.T) {
	raw, ours := reflect.TypeFor[*sql.DB](), reflect.TypeFor[*gapsql.DB]()
	for method := range raw.Methods() {
		if got, ok := ours.MethodByName(method.Name); !ok || signature(got) != signature(method) {
			t.Errorf("%s is %v, want %v", method.Name, got.Type, method.Type)
		}
	}
	for method := range raw.Methods() {
		takesContext := method.Type.NumIn() > 1 && method.Type.In(1) == reflect.TypeFor[context.Context]()
		if _, listed := poolMethods[method.Name]; takesContext && !listed {
			t.Errorf("%s takes a context and is not in poolMethods", method.Name)
		}
	}
}

func signature(m reflect.Method) string {
	var words []any
	for in := range m.Type.Ins() {
		words = append(words, in)
	}
	words[0] = "receiver"
	for out := range m.Type.Outs() {
		words = append(words, out)
	}
	return fmt.Sprint(words...)
}

func TestGetDBConn(t *testing.T) {
	raw := sql.OpenDB(&fake{shape: modern})
	defer raw.Close()
	if got, err := gapsql.WrapDB(raw).GetDBConn(); got != raw || err != nil {
		t.Errorf("%p, %v, want %p", got, err, raw)
	}
}

func TestDBLeavesContextWithoutSampledSpan(t *testing.T) {
	f := &fake{shape: modern}
	_, _, db := openPool(t, f)
	ctx := t.Context()
	unsampled := spantest.Jaeger(t, false, nil)
	for _, ctx := range []context.Context{ctx, opentracing.ContextWithSpan(ctx, unsampled.StartSpan("dropped"))} {
		var seen context.Context
		spied := gapsql.WrapDB(sql.OpenDB(gapsql.Wrap(contextSpy{f, &seen})))
		noError(t, spied.PingContext(ctx))
		if seen != ctx {
			t.Errorf("the driver was given a %T", seen)
		}
		spied.Close()
	}
	// The fewest of several: what else runs may allocate as well.
	raw, wrapped := 1e9, 1e9
	for range 10 {
		raw = min(raw, testing.AllocsPerRun(100, func() { _, _ = db.DB.ExecContext(ctx, "UPDATE") }))
		wrapped = min(wrapped, testing.AllocsPerRun(100, func() { _, _ = db.ExecContext(ctx, "UPDATE") }))
	}
	if wrapped > raw {
		t.Errorf("%v allocations, %v without a DB", wrapped, raw)
	}
}

// contextSpy stores the context that it is asked to connect with.
type contextSpy struct {
	*fake
	seen *context.Context
}

func (c contextSpy) Connect(ctx context.Context) (driver.Conn, error) {
	*c.seen = ctx
	return c.fake.Connect(ctx)
}

// panickingError is an error whose Error method panics.
type panickingError struct{ text *string }

func (u panickingError) Error() string { return *u.text }

func TestDBWithErrorThatPanics(t *testing.T) {
	f := &fake{shape: converting}
	_, ctx, db := openPool(t, f)
	noError(t, db.PingContext(ctx))
	f.fault = failOn("Exec", 1, panickingError{})
	if _, err := db.ExecContext(ctx, "UPDATE"); err == nil {
		t.Error("no error")
	}
	synctest.Test(t, func(t *testing.T) { // the wrapper compares an error that ends the wait with that of a closed DB
		f := &fake{shape: converting}
		_, ctx, db := openPool(t, f)
		noError(t, db.PingContext(ctx))
		conn := spantest.Must(db.DB.Conn(t.Context()))(t)
		f.fault = failOn("Connect", 1, panickingError{})
		time.AfterFunc(held, func() {
			conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool makes another for the caller
			conn.Close()
		})
		if _, err := db.ExecContext(ctx, "UPDATE"); err != (panickingError{}) { //nolint:errorlint // by identity
			t.Errorf("%T", err)
		}
	})
}
