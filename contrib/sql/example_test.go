package gapsql_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func Example() {
	tracer := mocktracer.New() // any opentracing.Tracer; without WithTracer it is the global one
	db := sql.OpenDB(gapsql.Wrap(memory, gaptrace.WithTracer(tracer)))

	span, ctx := opentracing.StartSpanFromContextWithTracer(context.Background(), tracer, "request")
	db.ExecContext(ctx, "DELETE FROM books")
	span.Finish()
	printTree(tracer)
	// Output:
	// request
	//   sql connect
	//   sql exec DELETE FROM books
}

// Open is for a driver that is known by its name, here "old".
func ExampleOpen() {
	register(memory)
	tracer := mocktracer.New()
	db, err := gapsql.Open("old", "user:password@host/books", gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	if err != nil {
		log.Fatal(err)
	}
	db.Exec("DELETE FROM books")
	for _, s := range calls(tracer) {
		fmt.Println(s.OperationName, s.Tag("db.type"), s.Tag("db.statement"))
	}
	// Output:
	// sql connect old <nil>
	// sql exec old DELETE FROM books
}

// Register is for code that takes a driver's name and opens the database itself.
func ExampleRegister() {
	register(memory)
	tracer := mocktracer.New()
	open := func(driverName, dsn string) (*sql.DB, error) { return sql.Open(driverName, dsn) } // a library's

	name := gapsql.Register("old", gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	db, err := open(name, "user:password@host/books")
	if err != nil {
		log.Fatal(err)
	}
	db.Exec("DELETE FROM books")
	fmt.Println(name)
	printTree(tracer)
	// Output:
	// old-gaptrace
	// sql connect
	// sql exec DELETE FROM books
}

func ExampleWrapTarget() {
	tracer := mocktracer.New()
	target := gapsql.Target{Type: "memory", Instance: "books", Address: "db.example.com:1"}
	db := sql.OpenDB(gapsql.WrapTarget(memory, target, gaptrace.WithTracer(tracer), gaptrace.WithRoots()))

	db.Exec("DELETE FROM books")
	for _, s := range calls(tracer) {
		fmt.Println(s.OperationName, s.Tag("db.type"), s.Tag("db.instance"), s.Tag("peer.address"))
	}
	// Output:
	// sql connect memory books db.example.com:1
	// sql exec memory books db.example.com:1
}

// The pool has one connection, which another caller holds.
func ExampleWrapDB() {
	tracer := mocktracer.New()
	db := gapsql.WrapDB(sql.OpenDB(gapsql.Wrap(memory, gaptrace.WithTracer(tracer))))
	db.SetMaxOpenConns(1)
	holdUntilWanted(db)

	span, ctx := opentracing.StartSpanFromContextWithTracer(context.Background(), tracer, "request")
	db.ExecContext(ctx, "DELETE FROM books")
	span.Finish()
	printTree(tracer)
	// Output:
	// request
	//   sql pool
	//   sql exec DELETE FROM books
}

func ExampleHideLiterals() {
	tracer := mocktracer.New()
	db := sql.OpenDB(gapsql.Wrap(memory,
		gaptrace.WithTracer(tracer), gaptrace.WithRoots(), gaptrace.WithStatement(gapsql.HideLiterals)))

	db.Exec("UPDATE books SET price = 9.99 WHERE author = 'Brontë'")
	printTree(tracer)
	// Output:
	// sql connect
	// sql exec UPDATE books SET price = ? WHERE author = ?
}

// memory is the connector of a database in memory, and registered as the driver "old".
var memory = &fake{shape: moreConns["execer, queryer"]}

// holdUntilWanted takes a connection of db. It returns the connection after another caller has
// waited for it.
func holdUntilWanted(db *gapsql.DB) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for db.Stats().WaitCount == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Millisecond)
		conn.Close()
	}()
}

// calls returns the finished spans except waits, which a busy machine may add.
func calls(tracer *mocktracer.MockTracer) (spans []*mocktracer.MockSpan) {
	for _, s := range tracer.FinishedSpans() {
		if !strings.HasSuffix(s.OperationName, " wait") {
			spans = append(spans, s)
		}
	}
	return spans
}

// printTree prints each call under its parent, with its statement.
func printTree(tracer *mocktracer.MockTracer) {
	var print func(parent int, indent string)
	print = func(parent int, indent string) {
		for _, s := range calls(tracer) {
			if s.ParentID != parent {
				continue
			}
			fmt.Print(indent, s.OperationName)
			if statement := s.Tag("db.statement"); statement != nil {
				fmt.Print(" ", statement)
			}
			fmt.Println()
			print(s.SpanContext.SpanID, indent+"  ")
		}
	}
	print(0, "")
}
