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
	"strconv"
	"strings"
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)   // a second Ctrl-C does not wait
	signal.Ignore(syscall.SIGPIPE) // who reads no more of the output leaves data on a server to be removed all the same
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

const usage = `The demo runs a small bookshop. Its handler talks to Redis, MySQL, Elasticsearch and another HTTP service, each
client wrapped with one line of gaptrace, and works on what they send. The demo calls it, draws one of the calls,
and holds the gaps in it, which are the handler's self time, against what the handler measured on its CPU clock.

Usage: go run ./demo [flags]

  -n N                 make N requests, one after the other, before four at once (default 3)
  -jaeger URL          also send the spans to the Jaeger collector at URL
  -redis ADDR          use the Redis server at ADDR: host:port, or a redis:// URL
  -mysql DSN           use the MySQL server of DSN: user:password@tcp(host:port)/
  -elasticsearch URL   use the Elasticsearch server at URL
  -listen ADDR         at the end serve http://ADDR/debug/gaps/, the page of what was recorded, until Ctrl-C
  -h                   print this help

The variables JAEGER_* say where else the spans go, and which are sampled: all, unless they say otherwise.

Without -redis, -mysql and -elasticsearch these servers run inside the demo. On a server of yours the demo writes
to a database, an index and keys that it makes for itself, and removes them when it ends.

Examples:
  go run ./demo
  go run ./demo -n 20 -jaeger http://localhost:14268
  go run ./demo -listen localhost:6060
  go run ./demo -redis localhost:6379 -mysql 'root@tcp(localhost:3306)/' -elasticsearch http://localhost:9200
`

// config is what the flags say.
type config struct {
	requests      int
	jaeger        string
	redis         *goredis.Options // nil: an embedded server, as below
	mysql         *gomysql.Config
	elasticsearch string
	listen        string // host:port, or empty
}

func parse(args []string) (config, error) {
	var c config
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run says what is wrong
	flags.IntVar(&c.requests, "n", 3, "")
	// Package flag repeats a value that a parser refuses, and these may hold a password: they are parsed below.
	places := map[string]*string{}
	for _, name := range []string{"jaeger", "redis", "mysql", "elasticsearch", "listen"} {
		places[name] = flags.String(name, "", "")
	}
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	var err error
	flags.Visit(func(f *flag.Flag) {
		if place, ok := places[f.Name]; ok && err == nil {
			if err = c.set(f.Name, *place); err != nil {
				err = fmt.Errorf("invalid value for flag -%s: %w", f.Name, err)
			}
		}
	})
	switch {
	case err != nil:
		return config{}, err
	case flags.NArg() > 0:
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.requests < 1:
		return config{}, fmt.Errorf("invalid value %d for flag -n: want 1 or more", c.requests)
	}
	return c, nil
}

// set says where a server is. Its error does not repeat the place.
func (c *config) set(server, place string) (err error) {
	switch server {
	case "redis":
		c.redis, err = redisOptions(place)
	case "mysql":
		c.mysql, err = gomysql.ParseDSN(place)
	case "listen":
		c.listen = place
		if _, port, err := net.SplitHostPort(place); err != nil || port != "0" && !isPort(port) {
			return errors.New("want host:port")
		}
	default:
		u, parsed := url.Parse(place)
		if parsed != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Port() != "" && !isPort(u.Port()) {
			return errors.New("want an http:// or https:// URL, and a port from 1 to 65535 in it if there is one")
		}
		if server == "jaeger" {
			c.jaeger = place
		} else {
			c.elasticsearch = place
		}
	}
	return err
}

func redisOptions(place string) (*goredis.Options, error) {
	if strings.Contains(place, "://") {
		options, err := goredis.ParseURL(place)
		if quoted := (*url.Error)(nil); errors.As(err, &quoted) {
			err = errors.New("want host:port, or redis://[[user:]password@]host[:port][/database]")
		}
		return options, err
	}
	if _, port, err := net.SplitHostPort(place); err != nil || !isPort(port) {
		return nil, errors.New("want host:port, or a redis:// URL")
	}
	return &goredis.Options{Addr: place}, nil
}

func isPort(s string) bool {
	port, err := strconv.ParseUint(s, 10, 16)
	return err == nil && port > 0
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
	served, err := record(ctx, c, stdout, stderr)
	switch {
	case ctx.Err() != nil && !served:
		fmt.Fprintln(stderr, "demo: interrupted")
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return 1
	}
	return 0
}

// record makes the requests, draws one, and serves what was recorded if a flag says so. Then served is true: to be interrupted is how
// it is to end.
func record(ctx context.Context, c config, stdout, stderr io.Writer) (served bool, err error) {
	var page net.Listener
	if c.listen != "" { // before all else: the port may be taken
		if page, err = new(net.ListenConfig).Listen(ctx, "tcp", c.listen); err != nil {
			return false, err
		}
		defer page.Close()
	}
	traced, err := openTracers(c)
	if err != nil {
		return false, err
	}
	calls, err := call(ctx, c, traced, stderr)
	if err == nil {
		err = draw(stdout, calls)
	}
	err = errors.Join(err, traced.send(ctx, stderr))
	if err != nil || page == nil || ctx.Err() != nil {
		return false, err
	}
	return true, servePage(ctx, page, traced.recorder, stderr)
}
