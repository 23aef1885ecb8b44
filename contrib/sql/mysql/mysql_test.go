package gapmysql_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-sql-driver/mysql"
	"github.com/opentracing/opentracing-go"
)

// openTest opens a database "test" on a server of the tests.
func openTest(t *testing.T, tracer opentracing.Tracer, params string) (*sql.DB, servers.MySQLServer) {
	server := servers.MariaDB(t)
	admin := spantest.Must(sql.Open("mysql", server.DSN("")))(t)
	defer admin.Close()
	spantest.Must(admin.Exec("CREATE DATABASE IF NOT EXISTS test"))(t)
	db := spantest.Must(gapmysql.Open(server.DSN("test?"+params), gaptrace.WithTracer(tracer)))(t)
	t.Cleanup(func() { db.Close() })
	return db, server
}

// wantSpans compares the spans under parent, without the tags that all spans have.
func wantSpans(t *testing.T, tracer *spantest.Tracer, parent opentracing.Span, server servers.MySQLServer,
	want string,
) {
	t.Helper()
	parent.Finish()
	got := tracer.Tree(" component=database/sql", "", " db.instance=test", "", " db.type=mysql", "", " db.user=root", "",
		" peer.address="+server.Addr, "", " span.kind=client", "")
	got = strings.ReplaceAll(got, "  sql reset\n", "") // recorded if the machine was busy
	spantest.Want(t, got, "parent\n"+strings.TrimPrefix(want, "\n"))
}

func TestRoundTrip(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	db, server := openTest(t, tracer, "multiStatements=true")
	spantest.Must(db.ExecContext(ctx, "CREATE OR REPLACE TABLE users (id BIGINT UNSIGNED, name TEXT)"))(t)
	tx := spantest.Must(db.BeginTx(ctx, nil))(t)
	spantest.Must(tx.ExecContext(ctx, "INSERT INTO users VALUES (?, ?)", uint64(1)<<63, "Ada"))(t)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	rows := spantest.Must(db.QueryContext(ctx, "SELECT id, name FROM users WHERE name = ?", "Ada"))(t)
	for rows.Next() {
		var id uint64
		var name string
		if err := rows.Scan(&id, &name); err != nil || id != 1<<63 || name != "Ada" {
			t.Errorf("read %d, %s, %v", id, name, err)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	rows = spantest.Must(db.QueryContext(ctx, "SELECT seq FROM seq_1_to_5; SELECT 'x'"))(t)
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	wantSpans(t, tracer, parent, server, `
  sql connect
  sql exec db.statement="CREATE OR REPLACE TABLE users (id BIGINT UNSIGNED, name TEXT)"
  sql begin
  sql prepare db.statement="INSERT INTO users VALUES (?, ?)"
  sql exec db.statement="INSERT INTO users VALUES (?, ?)"
  sql commit
  sql prepare db.statement="SELECT id, name FROM users WHERE name = ?"
  sql query db.statement="SELECT id, name FROM users WHERE name = ?" rows=1
  sql query db.statement="SELECT seq FROM seq_1_to_5; SELECT 'x'" rows=6
`)
}

func TestFailuresOfServer(t *testing.T) {
	const syntaxError = `error=true
    * event=error error.kind=*mysql.MySQLError message="Error 1064 (42000): You have an error in your SQL syntax; ` +
		`check the manual that corresponds to your MariaDB server version for the right syntax to use near ?"
`
	t.Run("with a literal", func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		db, server := openTest(t, tracer, "")
		_, err := db.ExecContext(ctx, "ALTER USR bob IDENTIFIED BY 'hunter2'")
		if _, ok := errors.AsType[*mysql.MySQLError](err); !ok {
			t.Errorf("the program got %v", err)
		}
		if _, err := db.ExecContext(ctx, "INSERT INTO nowhere VALUES (1)"); err == nil {
			t.Error("inserted nowhere")
		}
		wantSpans(t, tracer, parent, server, `
  sql connect
  sql exec db.statement="ALTER USR bob IDENTIFIED BY ?" `+syntaxError+
			`  sql exec db.statement="INSERT INTO nowhere VALUES (1)" error=true
    * event=error error.kind=*mysql.MySQLError message="Error 1146 (42S02): Table 'test.nowhere' doesn't exist"
`)
	})
	t.Run("with an argument", func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		db, server := openTest(t, tracer, "interpolateParams=true")
		_, err := db.ExecContext(ctx, "SET PASSWORD FOR = ?", "hunter2")
		if err == nil || !strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the program got %v", err)
		}
		wantSpans(t, tracer, parent, server, `
  sql connect
  sql exec db.statement="SET PASSWORD ?" `+syntaxError)
	})
}

func TestPoolWaitsMatchStats(t *testing.T) {
	server, tracer := servers.MariaDB(t), spantest.NewTracer()
	opened, err := gapmysql.Open(server.DSN(""), gaptrace.WithTracer(tracer))
	if err != nil {
		t.Fatal(err)
	}
	db := gapsql.WrapDB(opened)
	defer db.Close()
	db.SetMaxOpenConns(1)
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			span := tracer.StartSpan("caller")
			defer span.Finish()
			if _, err := db.ExecContext(opentracing.ContextWithSpan(t.Context(), span), "DO SLEEP(0.005)"); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	var waited time.Duration
	for _, s := range tracer.Named("sql pool") {
		waited += s.Duration()
	}
	stats := db.Stats()
	t.Logf("%d waits of %v in all, the pool counts %d of %v", len(tracer.Named("sql pool")), waited, stats.WaitCount,
		stats.WaitDuration)
	if difference := (waited - stats.WaitDuration).Abs(); difference > stats.WaitDuration/50 || stats.WaitCount < 40 ||
		tracer.Problems() != nil {
		t.Errorf("recorded %v, the pool counts %d waits of %v; %v", waited, stats.WaitCount, stats.WaitDuration,
			tracer.Problems())
	}
}

// refuseDials makes the driver's dials on networks fail until the test ends.
func refuseDials(t *testing.T, networks ...string) {
	for _, network := range networks {
		mysql.RegisterDialContext(network, func(context.Context, string) (net.Conn, error) {
			return nil, errors.New("not today")
		})
		t.Cleanup(func() { mysql.DeregisterDialContext(network) })
	}
}

func TestTagsOfConfig(t *testing.T) {
	refuseDials(t, "tcp", "tcp6", "unix", "own")
	for dsn, want := range map[string]string{
		"user:secret@tcp(host:1)/db":         "db.instance=db db.type=mysql db.user=user error=true peer.address=host:1",
		"user:secret@tcp(host)/db":           "db.instance=db db.type=mysql db.user=user error=true peer.address=host:3306",
		"user:secret@/db":                    "db.instance=db db.type=mysql db.user=user error=true peer.address=127.0.0.1:3306",
		"/":                                  "db.type=mysql error=true peer.address=127.0.0.1:3306",
		"user@unix(/run/a.sock)/db":          "db.instance=db db.type=mysql db.user=user error=true peer.address=/run/a.sock",
		"user@unix/db":                       "db.instance=db db.type=mysql db.user=user error=true peer.address=/tmp/mysql.sock",
		"user@tcp([fe80::1%25eth0]:1)/d%2Fb": "db.instance=d/b db.type=mysql db.user=user error=true peer.address=[fe80::1%25eth0]:1",
		"user@tcp6([::1])/db":                "db.instance=db db.type=mysql db.user=user error=true peer.address=[::1]",
		"us/er:sec@re/t@tcp(host:1)/":        "db.type=mysql db.user=us/er error=true peer.address=host:1",
		"user@own(anywhere at all)/":         "db.type=mysql db.user=user error=true peer.address=\"anywhere at all\"",
	} {
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil {
			t.Fatal(dsn, err)
		}
		before := *cfg
		tracer := spantest.NewTracer()
		c, err := gapmysql.NewConnector(cfg, gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
			gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
				return opentracing.Tags{"zone": "a"}
			}))
		if err != nil {
			t.Fatal(dsn, err)
		}
		if _, err := c.Connect(t.Context()); err == nil {
			t.Error("connected to", dsn)
		}
		got, _, _ := strings.Cut(tracer.Tree(), "\n")
		if want := "sql connect component=database/sql " + want + " span.kind=client zone=a"; got != want {
			t.Errorf("%s:\n%s, want\n%s", dsn, got, want)
		}
		if before.Addr != cfg.Addr || before.Net != cfg.Net || before.Passwd != cfg.Passwd {
			t.Errorf("%s: the configuration was changed", dsn)
		}
	}
}

func TestTagsOfConfigWithoutNet(t *testing.T) {
	refuseDials(t, "tcp")
	tracer := spantest.NewTracer()
	c, err := gapmysql.NewConnector(&mysql.Config{User: "u"}, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Connect(t.Context())
	if got := tracer.Tree(); !strings.Contains(got, "peer.address=127.0.0.1:3306") {
		t.Error(got)
	}
}

func TestNilConfigPanics(t *testing.T) {
	defer func() {
		if got := recover(); got != "gapmysql.NewConnector: cfg is nil" {
			t.Errorf("panic: %v", got)
		}
	}()
	_, _ = gapmysql.NewConnector(nil)
}
