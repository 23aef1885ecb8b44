package gapmysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"net"
	"strings"

	"github.com/gaptrace/gaptrace"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/go-sql-driver/mysql"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func ExampleOpen() {
	tracer := mocktracer.New() // any opentracing.Tracer; without WithTracer it is the global one
	db, err := gapmysql.Open("shop:password@memory(db.example.com)/orders", gaptrace.WithTracer(tracer))
	check(err)
	span, ctx := opentracing.StartSpanFromContextWithTracer(context.Background(), tracer, "request")
	db.ExecContext(ctx, "DELETE FROM carts")
	span.Finish()
	printTree(tracer)
	// Output:
	// request
	//   sql connect
	//   sql exec DELETE FROM carts
}

func ExampleNewConnector() {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = "shop", "password", "orders"
	cfg.Net, cfg.Addr = "memory", "db.example.com:3306"
	tracer := mocktracer.New()
	connector, err := gapmysql.NewConnector(cfg, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	check(err)

	sql.OpenDB(connector).Ping()
	s := tracer.FinishedSpans()[0]
	fmt.Println(s.OperationName, s.Tag("db.instance"), s.Tag("db.user"), s.Tag("peer.address"))
	// Output:
	// sql connect orders shop db.example.com:3306
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// The network "memory" leads to serve.
func init() {
	mysql.RegisterDialContext("memory", func(context.Context, string) (net.Conn, error) {
		client, server := net.Pipe()
		go serve(server)
		return client, nil
	})
}

// serve is a MySQL server that accepts every password and answers every command with OK. No packet
// has more than 255 bytes.
func serve(conn net.Conn) {
	packet := func(number byte, payload string) {
		io.WriteString(conn, string([]byte{byte(len(payload)), 0, 0, number})+payload)
	}
	const capabilities = "\x00\x82\x21\x02\x00\x08\x00" // with the character set and the status in between
	packet(0, "\x0a8.0.0\x00\x01\x00\x00\x00challeng\x00"+capabilities+"\x15"+strings.Repeat("\x00", 10)+
		"e of 20 byte\x00mysql_native_password\x00")
	for number := byte(2); ; number = 1 { // 2 follows the client's answer to the challenge
		header := make([]byte, 4)
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(header[0])); err != nil {
			return
		}
		packet(number, "\x00\x00\x00\x02\x00\x00\x00")
	}
}

// printTree prints each call under its parent, except waits, which a busy machine may add.
func printTree(tracer *mocktracer.MockTracer) {
	var print func(parent int, indent string)
	print = func(parent int, indent string) {
		for _, s := range tracer.FinishedSpans() {
			if s.ParentID != parent || strings.HasSuffix(s.OperationName, " wait") {
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
