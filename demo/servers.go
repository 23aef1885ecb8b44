package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	goelasticsearch "github.com/elastic/go-elasticsearch/v8"
	goredis "github.com/go-redis/redis/v8"
	gomysql "github.com/go-sql-driver/mysql"

	"github.com/gaptrace/gaptrace/demo/internal/bookshop"
	"github.com/gaptrace/gaptrace/demo/internal/embedded"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/tracer"
)

// addresses are the addresses of the servers.
type addresses struct {
	redis         *goredis.Options
	mysql         *gomysql.Config // selects the demo's database
	elasticsearch string
	names         bookshop.Names
}

// serverTimeout limits a server's first answer, and the removal of the demo's data at the end.
const serverTimeout = 30 * time.Second

// closers close what was started, in reverse order.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c *closers) close() error {
	var errs []error
	for _, f := range slices.Backward(*c) {
		errs = append(errs, f())
	}
	*c = nil
	return errors.Join(errs...)
}

// progress prints a task and how long it took.
func progress(w io.Writer, what string, do func() error) error {
	fmt.Fprintf(w, "%s... ", what)
	start := time.Now()
	if err := do(); err != nil {
		fmt.Fprintln(w, "failed")
		return err
	}
	fmt.Fprintf(w, "%d ms\n", time.Since(start).Milliseconds())
	return nil
}

// starter starts servers, or checks that they answer, until one fails.
type starter struct {
	ctx    context.Context
	stop   *closers
	stderr io.Writer
	err    error // of the first that failed
}

// start starts an embedded server and returns its address.
func (s *starter) start(name string, server func() (*embedded.Server, error)) (addr string) {
	if s.err != nil {
		return ""
	}
	s.err = progress(s.stderr, "starting "+name+" (embedded)", func() error {
		started, err := server()
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		s.stop.add(started.Close)
		addr = started.Addr
		return nil
	})
	return addr
}

// reach checks that a server answers ask.
func (s *starter) reach(name, addr string, ask func(context.Context) error) {
	if s.err != nil {
		return
	}
	s.err = progress(s.stderr, "asking "+name+" at "+addr, func() error {
		ctx, cancel := context.WithTimeout(s.ctx, serverTimeout)
		defer cancel()
		if err := ask(ctx); err != nil {
			return fmt.Errorf("%s at %s: %w", name, addr, err)
		}
		return nil
	})
}

// startServers checks that the servers named by flags answer, and starts the others.
func startServers(ctx context.Context, c config, stop *closers, stderr io.Writer) (addresses, error) {
	id := strings.ToLower(rand.Text()[:8]) // two demos may share a server
	at := addresses{redis: c.redis, mysql: c.mysql, elasticsearch: c.elasticsearch, names: bookshop.Names{
		KeyPrefix: "gaptrace:demo:" + id + ":",
		Index:     "gaptrace-demo-" + id + "-books",
	}}
	s := starter{ctx: ctx, stop: stop, stderr: stderr}
	if at.redis == nil {
		at.redis = &goredis.Options{Addr: s.start("redis", embedded.Redis)}
	} else {
		s.reach("redis", at.redis.Addr, func(ctx context.Context) error {
			client := goredis.NewClient(at.redis)
			defer client.Close()
			return client.Ping(ctx).Err()
		})
	}
	if at.elasticsearch == "" {
		at.elasticsearch = "http://" + s.start("elasticsearch", embedded.Elasticsearch)
	} else {
		s.reach("elasticsearch", redacted(at.elasticsearch), func(ctx context.Context) error {
			return askElasticsearch(ctx, at.elasticsearch)
		})
	}
	makeDatabase := func(ctx context.Context) (err error) {
		at.mysql, err = createDatabase(ctx, at.mysql, "gaptrace_demo_"+id, stop)
		return err
	}
	if at.mysql == nil {
		at.mysql = gomysql.NewConfig()
		at.mysql.Net, at.mysql.User = "tcp", "root"
		if at.mysql.Addr = s.start("mysql", embedded.MySQL); s.err == nil {
			s.err = makeDatabase(ctx)
		}
	} else {
		s.reach("mysql", at.mysql.Addr, makeDatabase)
	}
	return at, s.err
}

func askElasticsearch(ctx context.Context, address string) error {
	client, err := goelasticsearch.NewClient(goelasticsearch.Config{Addresses: []string{address}})
	if err != nil {
		return err
	}
	res, err := client.Cluster.Health(client.Cluster.Health.WithContext(ctx))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.IsError() {
		return errors.New(res.String())
	}
	return nil
}

// redacted returns a URL without its password.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "?"
	}
	return u.Redacted()
}

// createDatabase creates a database on the server of cfg, and returns a configuration that selects
// it.
func createDatabase(ctx context.Context, cfg *gomysql.Config, name string, stop *closers) (*gomysql.Config, error) {
	connector, err := gomysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	admin := sql.OpenDB(connector)
	stop.add(admin.Close)

	// An interrupted CREATE may still have created the database, so DROP runs in any case.
	created := false
	stop.add(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), serverTimeout)
		defer cancel()
		_, err := admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name)
		if !created {
			return nil // the error of CREATE is reported already
		}
		return err
	})
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4"); err != nil {
		return nil, err
	}
	created = true
	selecting := cfg.Clone()
	selecting.DBName = name
	selecting.InterpolateParams = true // one round trip for a query with arguments, not three
	return selecting, nil
}

// seed writes the shop's data, and makes stop remove it.
func seed(ctx context.Context, clients bookshop.Clients, names bookshop.Names, stop *closers) error {
	stop.add(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), serverTimeout)
		defer cancel()
		return bookshop.Remove(ctx, clients, names)
	})
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	return bookshop.Seed(ctx, clients, names)
}

// listen serves h until stop is closed, and returns its URL.
func listen(h http.Handler, stop *closers) (string, error) {
	s, err := embedded.HTTP(h)
	if err != nil {
		return "", err
	}
	stop.add(s.Close)
	return "http://" + s.Addr, nil
}

// servePage serves the recorded traces until ctx ends.
func servePage(ctx context.Context, l net.Listener, recorder *tracer.Recorder, stderr io.Writer) error {
	mux := http.NewServeMux()
	mux.Handle("/debug/gaps/", debug.Handler(recorder))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: serverTimeout}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		server.Close()
	})
	fmt.Fprintf(stderr, "serving http://%s/debug/gaps/ (Ctrl-C to leave)\n", l.Addr())
	err := server.Serve(l)
	if !stop() {
		<-stopped
		return nil
	}
	return err
}
