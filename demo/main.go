// Command demo calls a small bookshop, and draws when one of the requests waited and when it
// worked. It needs nothing but Go:
//
//	go run ./demo
//
// clients.go has all the lines that gaptrace needs in a program.
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
		// The servers in this process make much garbage. Collecting it would take the CPU from the
		// handlers whose work is measured.
		debug.SetGCPercent(400)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)   // a second Ctrl-C ends the process at once
	signal.Ignore(syscall.SIGPIPE) // remove the data on a server even if nobody reads the output
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `The demo runs a small bookshop. Its handler calls Redis, MySQL, Elasticsearch and another HTTP
service, and works on what they send. Each client is wrapped with one line of gaptrace. The demo makes
requests and draws one of them. The gaps in it are the handler's self time. The demo compares them with the
CPU time that the handler measured.

Usage: go run ./demo [flags]

  -n N                 make N requests one after the other, then four at once (default 3)
  -jaeger URL          also send the spans to the Jaeger collector at URL
  -redis ADDR          use the Redis server at ADDR: host:port, or a redis:// URL
  -mysql DSN           use the MySQL server of DSN: user:password@tcp(host:port)/
  -elasticsearch URL   use the Elasticsearch server at URL
  -listen ADDR         at the end serve the recorded traces at http://ADDR/debug/gaps/ until Ctrl-C
  -h                   print this help

Without -redis, -mysql and -elasticsearch these servers run inside the demo. On your servers the demo creates a
database, an index and keys of its own, and removes them at the end.

The environment variables JAEGER_* also configure where spans are sent and which are sampled (default: all).

Examples:
  go run ./demo
  go run ./demo -n 20 -jaeger http://localhost:14268
  go run ./demo -listen localhost:6060
  go run ./demo -redis localhost:6379 -mysql 'root@tcp(localhost:3306)/' -elasticsearch http://localhost:9200
`

// config has the values of the flags.
type config struct {
	requests      int
	jaeger        string           // a URL; "" to send no spans there
	redis         *goredis.Options // nil for an embedded server
	mysql         *gomysql.Config  // nil for an embedded server
	elasticsearch string           // a URL; "" for an embedded server
	listen        string           // host:port; "" for no page
}

func parse(args []string) (config, error) {
	var c config
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints the error
	flags.IntVar(&c.requests, "n", 3, "")
	// These values may contain a password. Package flag would repeat an invalid one, so config.set
	// parses them.
	addresses := map[string]*string{}
	for _, name := range []string{"jaeger", "redis", "mysql", "elasticsearch", "listen"} {
		addresses[name] = flags.String(name, "", "")
	}
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	var err error
	flags.Visit(func(f *flag.Flag) {
		if address, ok := addresses[f.Name]; ok && err == nil {
			if err = c.set(f.Name, *address); err != nil {
				err = fmt.Errorf("invalid value for flag -%s: %w", f.Name, err)
			}
		}
	})
	switch {
	case err != nil:
		return config{}, err
	case flags.NArg() > 0:
		var names []string
		flags.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
		return config{}, fmt.Errorf("unexpected argument %q: there are only flags: %s", flags.Arg(0), strings.Join(names, ", "))
	case c.requests < 1:
		return config{}, fmt.Errorf("invalid value %d for flag -n: want 1 or more", c.requests)
	}
	return c, nil
}

// set sets the address of a server. Its error does not repeat the address.
func (c *config) set(server, address string) (err error) {
	switch server {
	case "redis":
		c.redis, err = redisOptions(address)
	case "mysql":
		c.mysql, err = gomysql.ParseDSN(address)
	case "listen":
		c.listen = address
		if _, port, err := net.SplitHostPort(address); err != nil || port != "0" && !isPort(port) {
			return errors.New("want host:port")
		}
	default:
		u, parseErr := url.Parse(address)
		if parseErr != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
			u.Port() != "" && !isPort(u.Port()) {
			return errors.New("want an http:// or https:// URL, with a port from 1 to 65535 if it has one")
		}
		if server == "jaeger" {
			c.jaeger = address
		} else {
			c.elasticsearch = address
		}
	}
	return err
}

func redisOptions(address string) (*goredis.Options, error) {
	if strings.Contains(address, "://") {
		options, err := goredis.ParseURL(address)
		if _, ok := errors.AsType[*url.Error](err); ok { // repeats the address
			err = errors.New("want host:port, or redis://[[user:]password@]host[:port][/database]")
		}
		return options, err
	}
	if _, port, err := net.SplitHostPort(address); err != nil || !isPort(port) {
		return nil, errors.New("want host:port, or a redis:// URL")
	}
	return &goredis.Options{Addr: address}, nil
}

func isPort(s string) bool {
	port, err := strconv.ParseUint(s, 10, 16)
	return err == nil && port > 0
}

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "demo: %v\nRun it with -h for help.\n", err)
		return 2
	}
	served, err := show(ctx, c, stdout, stderr)
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

// show makes the requests, draws one, and serves the recorded traces if -listen is set. served
// reports whether it did: then an interrupt is the normal end.
func show(ctx context.Context, c config, stdout, stderr io.Writer) (served bool, err error) {
	var page net.Listener
	if c.listen != "" { // first, because the port may be in use
		if page, err = new(net.ListenConfig).Listen(ctx, "tcp", c.listen); err != nil {
			return false, err
		}
		defer page.Close()
	}
	t, err := openTracers(c)
	if err != nil {
		return false, err
	}
	recorded, err := call(ctx, c, t, stderr)
	if err == nil {
		err = draw(stdout, recorded)
	}
	err = errors.Join(err, t.send(ctx, stderr))
	if err != nil || page == nil || ctx.Err() != nil {
		return false, err
	}
	return true, servePage(ctx, page, t.recorder, stderr)
}
