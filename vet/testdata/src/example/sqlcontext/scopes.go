package sqlcontext

import (
	"context"
	"database/sql"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
	"google.golang.org/grpc"
)

var db *sql.DB

func ofRequest(w http.ResponseWriter, r *http.Request) {
	db.Ping() // want `GT301: db.Ping: .*; use PingContext`
}

func ofGin(c *gin.Context) {
	db.Ping() // want `GT301`
}

func ofEcho(c echo.Context) error {
	return db.Ping() // want `GT301`
}

type chatServer interface {
	Send(string) error
	grpc.ServerStream
}

func ofStream(s chatServer) error {
	return db.Ping() // want `GT301`
}

type job struct{ db *sql.DB }

func (job) ofSecond(name string, ctx context.Context) {
	db.Ping() // want `GT301`
}

func derived(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	db.Ping() // want `GT301`
	_ = short
}

func declaredLater(ctx context.Context) {
	db.Ping() // want `GT301`
	later, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = later
}

func inInnerBlock(ctx context.Context) {
	{
		inner := context.WithValue(ctx, job{}, 1)
		_ = inner
	}
	db.Ping() // want `GT301`
}

func shadowed(ctx context.Context) {
	{
		ctx := 1
		db.Ping()
		_ = ctx
	}
}

func shadowedByContext(ctx context.Context) {
	{
		ctx := context.WithValue(ctx, job{}, 1)
		db.Ping() // want `GT301`
		_ = ctx
	}
}

func withoutParent() {
	ctx := context.Background()
	db.Ping()
	_ = ctx
}

func withoutParentDerived() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	db.Ping()
	_ = ctx
}

func inClosure(ctx context.Context) {
	func() {
		db.Ping() // want `GT301`
	}()
}

func ofClosure() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		db.Ping() // want `GT301`
	})
}

func innermost(ctx context.Context) {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		db.Ping() // want `GT301`
	})
}

func inGo(ctx context.Context) {
	go db.Ping()
	go func() { db.Ping() }()
	go func(ctx context.Context) {
		db.Ping() // want `GT301`
	}(ctx)
}

func inDefer(ctx context.Context) {
	defer db.Ping()
	defer func() { db.Ping() }()
}

func unnamed(context.Context) { db.Ping() }

func blank(_ context.Context) { db.Ping() }

func helper(r *http.Request) context.Context { return context.WithValue(r.Context(), job{}, 1) }

func throughHelper(r *http.Request) {
	ctx := helper(r)
	db.Ping() // want `GT301`
	_ = ctx
}

func background() context.Context { return context.Background() }

func throughHelperWithoutParent() {
	ctx := background()
	db.Ping()
	_ = ctx
}

func generic[T any](ctx context.Context, v T) {
	db.Ping() // want `GT301`
}

type contextAlias = context.Context

func ofAlias(ctx contextAlias) {
	db.Ping() // want `GT301`
}

func inLoop(ctx context.Context) {
	for range 3 {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		db.Ping() // want `GT301`
		cancel()
		_ = ctx
	}
}

func inSelect(ctx context.Context, done chan int) {
	select {
	case <-done:
		db.Ping() // want `GT301`
	case <-ctx.Done():
	}
}

func fallback(ctx context.Context) {
	if ctx == nil {
		ctx = context.Background()
	}
	db.Ping() // want `GT301`
}

func fromVariable(r *http.Request) {
	var ctx context.Context
	ctx = r.Context()
	db.Ping() // want `GT301`
	_ = ctx
}

func unnamedRequest(http.ResponseWriter, *http.Request) { db.Ping() }
