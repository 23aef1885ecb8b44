// Package ended has contexts that have ended, or are nil, where a call needs one.
package ended

import (
	"context"
	"database/sql"
	"net/http"
	"sync"
	"time"
)

var db *sql.DB

func afterDone(ctx context.Context) {
	db.Exec("before") // want `GT301: .*; use ExecContext`
	<-ctx.Done()
	short, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	db.ExecContext(short, "after")
	db.Exec("after")
}

func afterRequest(r *http.Request) {
	<-r.Context().Done()
	db.Exec("after")
}

func ifEnded(ctx context.Context) {
	if ctx.Err() != nil {
		db.Exec("ended")
	}
	if err := ctx.Err(); err != nil {
		db.Exec("ended")
		return
	}
	if ctx.Value("user") != nil {
		db.Exec("still running") // want `GT301: .*; use ExecContext`
	}
	db.Exec("still running") // want `GT301: .*; use ExecContext`
}

func inClause(ctx context.Context) {
	select {
	case <-ctx.Done():
		db.Exec("ended")
	default:
		db.Exec("still running") // want `GT301: .*; use ExecContext`
	}
	db.Exec("perhaps") // want `GT301: .*; use ExecContext`
}

func afterCancel(ctx context.Context) {
	short, cancel := context.WithCancel(ctx)
	db.Exec("before") // want `GT301: .*; use ExecContext`
	cancel()
	db.Exec("after") // want `GT301: .*; use ExecContext`
	_ = short
}

func cancelledOnError(ctx context.Context, err error) {
	ctx, cancel := context.WithCancel(ctx)
	if err != nil {
		cancel()
		return
	}
	db.Exec("still running") // want `GT301: .*; use ExecContext`
	cancel()
	_ = ctx
}

// The rows are read after cancel.
func returned(ctx context.Context) (*sql.Rows, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_ = ctx
	return db.Query("select")
}

type group struct{ sync.WaitGroup }

func withContext(ctx context.Context) (*group, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	_ = cancel
	return &group{}, ctx
}

func afterWait(ctx context.Context) {
	g, of := withContext(ctx)
	g.Add(1)
	db.Exec("before") // want `GT301: .*; use ExecContext`
	g.Wait()
	db.Exec("after") // want `GT301: .*; use ExecContext`
	_ = of
}

func passedOn(w http.ResponseWriter, r *http.Request) {
	var once sync.Once
	time.AfterFunc(time.Minute, func() { db.Exec("later") })                             // want `GT301: .*; use ExecContext`
	once.Do(func() { db.ExecContext(context.Background(), "perhaps for all requests") }) // want `GT302: .*; use context.WithoutCancel\(r.Context\(\)\)`
	go func(r *http.Request) { db.Exec("later") }(r)                                     // want `GT301: .*; use ExecContext`
	func() { db.Exec("now") }()                                                          // want `GT301: .*; use ExecContext`
}

func named(r *http.Request) (ctx context.Context, err error) {
	_, err = db.Exec("not set yet") // want `GT301: .*; use ExecContext`
	ctx = r.Context()
	_, err = db.Exec("set") // want `GT301: .*; use ExecContext`
	return ctx, err
}

func setSometimes(r *http.Request) {
	var ctx context.Context
	if r.Method == http.MethodGet {
		ctx = r.Context()
		db.Exec("set") // want `GT301: .*; use ExecContext`
	}
	db.Exec("perhaps not set") // want `GT301: .*; use ExecContext`
	_ = ctx
}

func fromRequest(r *http.Request) {
	ctx := r.Context()
	db.Exec("before") // want `GT301: .*; use ExecContext`
	<-ctx.Done()
	db.Exec("after")
}

func namedTwice(ctx context.Context) {
	var other = ctx
	<-other.Done()
	db.Exec("after")
}

// The request may still run.
func derivedEnded(r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	<-ctx.Done()
	db.Exec("after") // want `GT301: .*; use ExecContext`
}

func threeNames(r *http.Request) {
	one := r.Context()
	two := one
	<-r.Context().Done()
	db.Exec("after")
	_ = two
}

func inCase(ctx context.Context, n int) {
	outer, cancel := context.WithCancel(ctx)
	switch n {
	case 0:
		cancel()
	case 1:
		db.Exec("still running") // want `GT301: .*; use ExecContext`
	}
	_ = outer
}

func argumentOfCancel(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(db.Ping()) // want `GT301: .*; use PingContext`
	_ = ctx
}

func deferredLater(ctx context.Context, early bool) (*sql.Rows, error) {
	ctx, cancel := context.WithCancel(ctx)
	if early {
		return db.Query("select") // want `GT301: .*; use QueryContext`
	}
	defer cancel()
	_ = ctx
	return nil, nil
}

func lastOfSeveral(ctx context.Context) {
	outer := context.WithValue(ctx, "user", 1)
	var inner = context.WithValue(outer, "role", 2)
	db.Exec("with both") // want `GT301: .*; use ExecContext`
	_ = inner
}

func contextBeforeRequest(r *http.Request, ctx context.Context) {
	db.Exec("with ctx") // want `GT301: .*; use ExecContext`
}

func setNil(r *http.Request) {
	var ctx context.Context = nil
	db.Exec("with that of r") // want `GT301: .*; use ExecContext`
	_ = ctx
}

func resultOfLiteral(r *http.Request) {
	f := func() (ctx context.Context) {
		db.Exec("not set yet") // want `GT301: .*; use ExecContext`
		ctx = r.Context()
		return ctx
	}
	f()
}
