package gapsql_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

// memory is the connector of a database in memory, and registered as the driver "old".
var memory = &fake{shape: moreConns["execer, queryer"]}

func ExampleOpen() {
	register(memory)
	tracer := mocktracer.New() // any opentracing.Tracer
	db, err := gapsql.Open("old", "user:password@host/books", gaptrace.WithTracer(tracer))
	if err != nil {
		log.Fatal(err)
	}
	span := tracer.StartSpan("request")
	_, err = db.ExecContext(opentracing.ContextWithSpan(context.Background(), span), "DELETE FROM books")
	fmt.Println(err)
	span.Finish()
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("db.type"), s.Tag("db.statement"))
	}
	// Output:
	// <nil>
	// sql connect old <nil>
	// sql exec old DELETE FROM books
	// request <nil> <nil>
}

func ExampleWrapTarget() {
	tracer := mocktracer.New()
	target := gapsql.Target{Type: "memory", Instance: "books", Address: "db.example.com:1"}
	connector := gapsql.WrapTarget(memory, target, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	db := sql.OpenDB(connector)
	defer db.Close()

	_, err := db.Exec("DELETE FROM books")
	fmt.Println(err)
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("db.type"), s.Tag("db.instance"), s.Tag("peer.address"))
	}
	// Output:
	// <nil>
	// sql connect memory books db.example.com:1
	// sql exec memory books db.example.com:1
}

// The pool has one connection, which another caller holds for 10 ms.
func ExampleWrapDB() {
	tracer := mocktracer.New()
	db := gapsql.WrapDB(sql.OpenDB(gapsql.Wrap(memory, gaptrace.WithTracer(tracer))))
	defer db.Close()
	db.SetMaxOpenConns(1)
	other, err := db.Conn(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { other.Close() })

	span := tracer.StartSpan("request")
	_, err = db.ExecContext(opentracing.ContextWithSpan(context.Background(), span), "DELETE FROM books")
	span.Finish()
	fmt.Println(err)
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName)
	}
	// Output:
	// <nil>
	// sql pool
	// sql exec
	// request
}

func ExampleHideLiterals() {
	tracer := mocktracer.New()
	connector := gapsql.Wrap(memory, gaptrace.WithTracer(tracer), gaptrace.WithStatement(gapsql.HideLiterals))
	db := sql.OpenDB(connector)
	defer db.Close()

	span := tracer.StartSpan("request")
	ctx := opentracing.ContextWithSpan(context.Background(), span)
	if _, err := db.ExecContext(ctx, "UPDATE books SET price = 9.99 WHERE author = 'Brontë'"); err != nil {
		log.Fatal(err)
	}
	span.Finish()
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("db.statement"))
	}
	// Output:
	// sql connect <nil>
	// sql exec UPDATE books SET price = ? WHERE author = ?
	// request <nil>
}
