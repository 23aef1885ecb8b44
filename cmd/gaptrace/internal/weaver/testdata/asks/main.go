// Command asks prints what a program may ask its libraries. The answers must be the same if it is
// woven.
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/opentracing/opentracing-go"
)

func main() {
	fmt.Println("a tracer is registered:", opentracing.IsGlobalTracerRegistered())
	opentracing.StartSpan("one").Finish() // the woven tracer may open now
	fmt.Println("after a span:", opentracing.IsGlobalTracerRegistered())
	mine := opentracing.NoopTracer{}
	if !opentracing.IsGlobalTracerRegistered() {
		opentracing.SetGlobalTracer(mine)
	}
	fmt.Println("mine is registered:", opentracing.IsGlobalTracerRegistered(), opentracing.GlobalTracer() == mine)

	sql.Register("asked", asked{})
	opened, err := sql.Open("asked", "")
	check(err)
	byHand, err := sql.Open(gapsql.Register("asked"), "")
	check(err)
	for name, db := range map[string]*sql.DB{
		"opened":                        opened,
		"from a connector":              sql.OpenDB(asked{}),
		"from a connector, by hand":     sql.OpenDB(gapsql.Wrap(asked{})),
		"opened, with the pool by hand": gapsql.WrapDB(opened).DB,
		"opened by hand":                byHand,
	} {
		c, err := db.Conn(context.Background())
		check(err)
		failed := errors.New("from the callback")
		err = c.Raw(func(driverConn any) error {
			_, ok := driverConn.(*conn)
			fmt.Printf("%s: the driver's own connection: %v, %T\n", name, ok, driverConn)
			return failed
		})
		fmt.Printf("%s: the callback's error: %v\n", name, err == failed)
		check(gapsql.Raw(c, func(driverConn any) error {
			fmt.Printf("%s: gapsql.Raw: %T\n", name, driverConn)
			return nil
		}))
		check(c.Close())
	}
}

// asked is a driver and a connector.
type asked struct{}

func (asked) Open(string) (driver.Conn, error)             { return new(conn), nil }
func (asked) Connect(context.Context) (driver.Conn, error) { return new(conn), nil }
func (a asked) Driver() driver.Driver                      { return a }

type conn struct{ driver.Conn }

func (*conn) Close() error { return nil }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
