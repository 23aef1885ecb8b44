package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

var (
	ctx    = context.Background()
	memory = &fake{shape: modern, sets: [][]driver.Value{{"Wuthering Heights", "Villette"}}} // a database
)

func ExampleOpen() {
	register(memory)               // as a driver's package does
	tracer := spantest.NewTracer() // any opentracing.Tracer; it is the global one unless an option names it
	opentracing.SetGlobalTracer(tracer)
	defer opentracing.SetGlobalTracer(opentracing.NoopTracer{})

	db, err := gapsql.Open("old", "user:password@host/books") // the one line
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	span, ctx := opentracing.StartSpanFromContext(ctx, "handler")
	rows, err := db.QueryContext(ctx, "SELECT title FROM books WHERE author = ?", "Brontë")
	if err != nil {
		fmt.Println(err)
		return
	}
	for rows.Next() {
	}
	rows.Close()
	span.Finish()

	fmt.Print(tracer.Tree())
	// Output:
	// handler
	//   sql connect component=database/sql db.type=old span.kind=client
	//   sql query component=database/sql db.statement="SELECT title FROM books WHERE author = ?" db.type=old rows=2 span.kind=client
}

func ExampleWrapTarget() {
	tracer := spantest.NewTracer()
	connector := gapsql.WrapTarget(memory, gapsql.Target{Type: "memory", Instance: "books", Address: "db.example.com:1"},
		gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	db := sql.OpenDB(connector)
	defer db.Close()

	if err := db.Ping(); err != nil {
		fmt.Println(err)
	}

	fmt.Print(tracer.Tree())
	// Output:
	// sql connect component=database/sql db.instance=books db.type=memory peer.address=db.example.com:1 span.kind=client
	// sql ping component=database/sql db.instance=books db.type=memory peer.address=db.example.com:1 span.kind=client
}

func ExampleWrapDB() {
	tracer := spantest.NewTracer()
	db := gapsql.WrapDB(sql.OpenDB(gapsql.Wrap(memory, gaptrace.WithTracer(tracer)))) // the one line
	defer db.Close()
	db.SetMaxOpenConns(1)

	somebody, err := db.Conn(ctx) // has the one connection for a while
	if err != nil {
		fmt.Println(err)
		return
	}
	time.AfterFunc(10*time.Millisecond, func() { somebody.Close() })

	span := tracer.StartSpan("handler")
	if _, err := db.ExecContext(opentracing.ContextWithSpan(ctx, span), "DELETE FROM books"); err != nil {
		fmt.Println(err)
	}
	span.Finish()

	fmt.Print(tracer.Tree())
	// Output:
	// handler
	//   sql pool component=database/sql db.type=sql span.kind=client
	//   sql exec component=database/sql db.statement="DELETE FROM books" db.type=sql span.kind=client
}

func ExampleHideLiterals() {
	tracer := spantest.NewTracer()
	connector := gapsql.Wrap(memory, gaptrace.WithTracer(tracer), gaptrace.WithStatement(gapsql.HideLiterals))
	db := sql.OpenDB(connector)
	defer db.Close()

	span := tracer.StartSpan("handler")
	_, err := db.ExecContext(opentracing.ContextWithSpan(ctx, span), "UPDATE books SET price = 9.99 WHERE author = 'Brontë'")
	if err != nil {
		fmt.Println(err)
	}
	span.Finish()

	fmt.Print(tracer.Tree())
	// Output:
	// handler
	//   sql connect component=database/sql db.type=sql span.kind=client
	//   sql exec component=database/sql db.statement="UPDATE books SET price = ? WHERE author = ?" db.type=sql span.kind=client
}
