// Command demo calls a small bookshop and draws where one of the calls waited, and where it worked.
//
//	go run ./demo
//
// needs Go and nothing else. What gaptrace asks of a program stands in clients.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	goredis "github.com/go-redis/redis/v8"
	gomysql "github.com/go-sql-driver/mysql"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// The servers that run in this process leave much garbage, and what collects it would take the CPU from
		// the handlers whose work is measured.
		debug.SetGCPercent(400)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

const usage = `The demo runs a small bookshop. Its handler talks to Redis, MySQL, Elasticsearch and another HTTP service, each
client wrapped with one line of gaptrace, and works on what they send. The demo calls it, draws one of the calls,
and holds the gaps in it, which are the handler's own time, against what the handler measured on its CPU clock.

Usage: go run ./demo [flags]

  -n N                 make N requests, one after the other, before four at once (default 3)
  -jaeger URL          also send the spans to the Jaeger collector at URL
  -redis ADDR          use the Redis server at ADDR: host:port, or a redis:// URL
  -mysql DSN           use the MySQL server of DSN: user:password@tcp(host:port)/
  -elasticsearch URL   use the Elasticsearch server at URL
  -h                   print this help

Without -redis, -mysql and -elasticsearch these servers run inside the demo. On a server of yours the demo writes
to a database, an index and keys that it makes for itself, and removes them when it ends.

Examples:
  go run ./demo
  go run ./demo -n 20 -jaeger http://localhost:14268
  go run ./demo -redis localhost:6379 -mysql 'root@tcp(localhost:3306)/' -elasticsearch http://localhost:9200
`

// config is what the flags say.
type config struct {
	requests      int
	jaeger        string
	redis         *goredis.Options // nil: an embedded server, as below
	mysql         *gomysql.Config
	elasticsearch string
}

func parse(args []string) (config, error) {
	var c config
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run says what is wrong
	flags.IntVar(&c.requests, "n", 3, "")
	flags.Func("jaeger", "", webAddress(&c.jaeger))
	flags.Func("elasticsearch", "", webAddress(&c.elasticsearch))
	flags.Func("redis", "", func(value string) (err error) {
		if c.redis, err = goredis.ParseURL(value); err == nil {
			return nil
		}
		if _, _, err := net.SplitHostPort(value); err != nil {
			return errors.New("want host:port, or a redis:// URL")
		}
		c.redis = &goredis.Options{Addr: value}
		return nil
	})
	flags.Func("mysql", "", func(value string) (err error) {
		c.mysql, err = gomysql.ParseDSN(value)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	switch {
	case flags.NArg() > 0:
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.requests < 1:
		return config{}, fmt.Errorf("invalid value %d for flag -n: want 1 or more", c.requests)
	}
	return c, nil
}

// webAddress returns a flag's parser for the URL of an HTTP server.
func webAddress(into *string) func(string) error {
	return func(value string) error {
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return errors.New("want an http:// or https:// URL")
		}
		*into = value
		return nil
	}
}

// run is the program: it returns the exit code of the process.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	c, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "demo: %v\nRun it with -h for help.\n", err)
		return 2
	}
	calls, err := call(ctx, c, stderr)
	if len(calls.traces) > 0 && ctx.Err() == nil {
		err = errors.Join(report(stdout, calls), err)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "demo: interrupted")
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return 1
	}
	return 0
}
