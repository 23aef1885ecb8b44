package gapmysql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"

	"github.com/gaptrace/gaptrace"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-sql-driver/mysql"
	"github.com/opentracing/opentracing-go"
)

func ExampleOpen() {
	db, err := gapmysql.Open("shop:password@tcp(db.example.com)/orders?parseTime=true")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	fmt.Println(db.Stats().OpenConnections)
	// Output: 0
}

func ExampleNewConnector() {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = "shop", "password", "orders"
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("nobody is at home")
	}
	tracer := spantest.NewTracer() // any opentracing.Tracer
	connector, err := gapmysql.NewConnector(cfg, gaptrace.WithTracer(tracer))
	if err != nil {
		fmt.Println(err)
		return
	}
	db := sql.OpenDB(connector)
	defer db.Close()

	span := tracer.StartSpan("handle request")
	err = db.PingContext(opentracing.ContextWithSpan(context.Background(), span))
	span.Finish()

	fmt.Println(err)
	fmt.Print(tracer.Tree())
	// Output:
	// nobody is at home
	// handle request
	//   sql connect component=database/sql db.instance=orders db.type=mysql db.user=shop error=true peer.address=127.0.0.1:3306 span.kind=client
	//     * event=error error.kind=*errors.errorString message="nobody is at home"
}
