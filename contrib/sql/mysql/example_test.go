package gapmysql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net"

	"github.com/gaptrace/gaptrace"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/go-sql-driver/mysql"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func ExampleOpen() {
	db, err := gapmysql.Open("shop:password@tcp(db.example.com)/orders?parseTime=true")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	fmt.Println(db.Stats().OpenConnections)
	// Output: 0
}

func ExampleNewConnector() {
	mysql.RegisterDialContext("tunnel", func(context.Context, string) (net.Conn, error) {
		return nil, errors.New("no network")
	})
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = "shop", "password", "orders"
	cfg.Net, cfg.Addr = "tunnel", "db.example.com:3306"
	tracer := mocktracer.New() // any opentracing.Tracer
	connector, err := gapmysql.NewConnector(cfg, gaptrace.WithTracer(tracer))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	span := tracer.StartSpan("request")
	fmt.Println(db.PingContext(opentracing.ContextWithSpan(context.Background(), span)))
	span.Finish()
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("db.instance"), s.Tag("db.user"), s.Tag("peer.address"), s.Tag("error"))
	}
	// Output:
	// no network
	// sql connect orders shop db.example.com:3306 true
	// request <nil> <nil> <nil> <nil>
}
