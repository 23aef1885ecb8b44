package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// registered are the fakes of the drivers that the tests register, which database/sql allows only
// once per process. Each test sets its own.
var registered struct {
	once sync.Once
	old  struct{ *fake }
	new  struct{ *fake }
}

// oldDriver has no connectors, and newDriver has some that must be closed.
type (
	oldDriver    struct{}
	newDriver    struct{}
	newConnector struct{ *fake }
)

func (oldDriver) Open(dsn string) (driver.Conn, error) {
	return fakeDriver{registered.old.fake}.Open(dsn)
}

func (newDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("Open, and not OpenConnector")
}

func (newDriver) OpenConnector(dsn string) (driver.Connector, error) {
	if err := registered.new.note("OpenConnector %s", dsn); err != nil {
		return nil, err
	}
	return newConnector{registered.new.fake}, nil
}

func (newConnector) Driver() driver.Driver { return newDriver{} }
func (c newConnector) Close() error        { return c.note("Connector.Close") }

func register(f *fake) {
	registered.once.Do(func() {
		sql.Register("old", oldDriver{})
		sql.Register("new", newDriver{})
		sql.Register("wrapped old", gapsql.WrapDriver(oldDriver{}, gaptrace.WithRoots()))
		sql.Register("wrapped new", gapsql.WrapDriver(newDriver{}, gaptrace.WithRoots()))
	})
	registered.old.fake, registered.new.fake = f, f
}

// openings are the ways to open a database of each driver. The first is without a wrapper.
var openings = map[string][]func(dsn string) (*sql.DB, error){
	"old": {
		func(dsn string) (*sql.DB, error) { return sql.Open("old", dsn) },
		func(dsn string) (*sql.DB, error) { return gapsql.Open("old", dsn) },
		func(dsn string) (*sql.DB, error) { return sql.Open("wrapped old", dsn) },
		func(dsn string) (*sql.DB, error) { return gapsql.Open("wrapped old", dsn) },
		func(dsn string) (*sql.DB, error) { return sql.Open(gapsql.Register("old"), dsn) },
		func(dsn string) (*sql.DB, error) { return sql.Open(gapsql.Register("wrapped old"), dsn) },
		func(dsn string) (*sql.DB, error) { return gapsql.Open(gapsql.Register("old"), dsn) },
	},
	"new": {
		func(dsn string) (*sql.DB, error) { return sql.Open("new", dsn) },
		func(dsn string) (*sql.DB, error) { return gapsql.Open("new", dsn) },
		func(dsn string) (*sql.DB, error) { return sql.Open("wrapped new", dsn) },
		func(dsn string) (*sql.DB, error) { return gapsql.Open("wrapped new", dsn) },
		func(dsn string) (*sql.DB, error) { return sql.Open(gapsql.Register("new"), dsn) },
		func(dsn string) (*sql.DB, error) { return sql.Open(gapsql.Register("wrapped new"), dsn) },
		func(dsn string) (*sql.DB, error) { return gapsql.Open(gapsql.Register("new"), dsn) },
	},
	"none": {
		func(dsn string) (*sql.DB, error) { return sql.Open("none", dsn) },
		func(dsn string) (*sql.DB, error) { return gapsql.Open("none", dsn) },
		func(dsn string) (*sql.DB, error) { return sql.Open(gapsql.Register("none"), dsn) },
		func(dsn string) (*sql.DB, error) { return gapsql.Open(gapsql.Register("none"), dsn) },
	},
}

func TestOpenLikeDatabaseSQL(t *testing.T) {
	for name, fault := range map[string]func(string) error{
		"well":                 nil,
		"with a malformed dsn": failOn("OpenConnector", 99, errBoom),
		"but does not open":    failOn("Open ", 99, errBoom),
		"but does not connect": failOn("Connect", 99, errBoom),
	} {
		for driverName, opens := range openings {
			var want string
			for i, open := range opens {
				f := &fake{shape: modern, fault: fault}
				register(f)
				var s sight
				db, err := open("user:secret@host")
				s.see("open", err)
				if err == nil {
					s.see("ping", db.Ping())
					s.see("driver", db.Driver())
					s.see("close", db.Close())
				}
				opened := strings.Count(f.noted(), "OpenConnector user:secret@host\n") - strings.Count(f.noted(),
					"Connector.Close\n")
				s.see("left open", opened)
				if got := s.String(); i == 0 {
					want = got
				} else if got != want {
					t.Errorf("%s, %s: raw:\n%s\nwrapped, %d:\n%s", driverName, name, want, i, got)
				}
			}
		}
	}
}

// opener opens a database that is wrapped.
type opener func(dsn string, opts ...gaptrace.Option) (*sql.DB, error)

func openOld(dsn string, opts ...gaptrace.Option) (*sql.DB, error) {
	return gapsql.Open("old", dsn, opts...)
}

func openNew(dsn string, opts ...gaptrace.Option) (*sql.DB, error) {
	return gapsql.Open("new", dsn, opts...)
}

// openRegistered opens a database by the name that Register returns.
func openRegistered(driverName string) opener {
	return func(dsn string, opts ...gaptrace.Option) (*sql.DB, error) {
		return sql.Open(gapsql.Register(driverName, opts...), dsn)
	}
}

// openDriver opens a database of d, wrapped by WrapDriver.
func openDriver(d driver.Driver) opener {
	return func(dsn string, opts ...gaptrace.Option) (*sql.DB, error) {
		c, err := gapsql.WrapDriver(d, opts...).(driver.DriverContext).OpenConnector(dsn)
		return sql.OpenDB(c), err
	}
}

// openTwice opens a database wrapped by WrapDriver, and by Wrap.
func openTwice(dsn string, opts ...gaptrace.Option) (*sql.DB, error) {
	c, err := gapsql.WrapDriver(newDriver{}).(driver.DriverContext).OpenConnector(dsn)
	return sql.OpenDB(gapsql.Wrap(c, opts...)), err
}

func TestOpenTagsDriverName(t *testing.T) {
	register(&fake{shape: modern})
	for how, test := range map[string]struct {
		want string
		open opener
	}{
		"Open, old":     {"old", openOld},
		"Open, new":     {"new", openNew},
		"WrapDriver":    {"sql", openDriver(oldDriver{})},
		"Register, old": {"old", openRegistered("old")},
		"Register, new": {"new", openRegistered("new")},
		"Open of Register": {"old", func(dsn string, opts ...gaptrace.Option) (*sql.DB, error) {
			return gapsql.Open(gapsql.Register("old"), dsn, opts...)
		}},
	} {
		tracer := spantest.NewTracer()
		db := spantest.Must(test.open("user:secret@host", gaptrace.WithTracer(tracer), gaptrace.WithRoots()))(t)
		noError(t, db.Ping())
		db.Close()
		got := tracer.Tree("component=database/sql ", "", " span.kind=client", "")
		if want := fmt.Sprintf("sql connect db.type=%s\nsql ping db.type=%[1]s\n", test.want); got != want {
			t.Errorf("%s: recorded:\n%swant:\n%s", how, got, want)
		}
	}
}

func TestConnectErrorDoesNotLeakDSN(t *testing.T) {
	for dsn, messages := range map[string]map[string]string{
		"postgres://user:hun%2Fter2@host/": {
			"cannot parse postgres://user:hun%2Fter2@host/: no": `"cannot parse ?"`,
			`parse "postgres://user:hun%2Fter2@host/": no`:      `"parse ?"`,
			"no host in hun%2Fter2@host":                        `"no host in ?"`,
			"refused: user, hun/ter2":                           `"refused: user, ?"`,
			"dial tcp 127.0.0.1:1: connect: refused":            `"dial tcp 127.0.0.1:1: connect: refused"`,
			"password authentication failed":                    `"password authentication failed"`,
		},
		"user:hun@ter2@tcp(host)/db":         {"no host in hun@ter2@tcp(host)": `"no host in ?"`},
		"host=h user=u password=hunter2 x=":  {"no value: host=h password=hunter2": `"no value: host=h password=?"`},
		"Server=h;User Id=u;PWD={hunter2};x": {"no value: PWD=hunter2": `"no value: PWD=?"`},
		"u:hun@ter2@tcp(h)/":                 {"no: ter2@tcp(h)": `"no: ?"`, "no: hun": `"no: ?"`},
		"scott/hunter2@localhost:1521/orcl":  {"cannot log on as scott with hunter2 at localhost": `"cannot log on as scott with ?"`},
		"postgres://h/db?user=u&password=hun+ter2": {
			"auth failed for u with hun ter2": `"auth failed for u with ?"`, "auth failed with hun+ter2": `"auth failed with ?"`,
		},
		"file:x?_auth_user=u&_auth_pass=hunter2&_pragma_key=hunter3": {"no: hunter2": `"no: ?"`, "no: hunter3": `"no: ?"`},
		"Data Source=h;Pass=hunter2;x=1":                             {"no: hunter2": `"no: ?"`, "no: h": `"no: h"`},
	} {
		for message, want := range messages {
			for name, open := range map[string]opener{
				"Open, old":          openOld,
				"Open, new":          openNew,
				"WrapDriver, old":    openDriver(oldDriver{}),
				"WrapDriver, new":    openDriver(newDriver{}),
				"Wrap of WrapDriver": openTwice,
				"Register, old":      openRegistered("old"),
				"Register, new":      openRegistered("new"),
			} {
				tree := recordConnectError(t, dsn, errors.New(message), open)
				if !strings.HasSuffix(tree, " message="+want+"\n") {
					t.Errorf("%s, %s: recorded:\n%s", name, message, tree)
				}
			}
		}
	}
}

// recordConnectError opens a database whose driver fails to connect, and returns what is recorded.
func recordConnectError(t *testing.T, dsn string, failure error, open opener) (tree string) {
	t.Helper()
	register(&fake{shape: modern, fault: func(call string) error {
		if call == "Connect" || strings.HasPrefix(call, "Open ") {
			return failure
		}
		return nil
	}})
	tracer := spantest.NewTracer()
	db := spantest.Must(open(dsn, gaptrace.WithTracer(tracer), gaptrace.WithRoots()))(t)
	defer db.Close()
	if err := db.Ping(); err != failure { //nolint:errorlint // by identity
		t.Errorf("the program saw %v, want %v", err, failure)
	}
	return tracer.Tree()
}

// shyDriver is a driver whose connectors return no Driver.
type shyDriver struct{ driver.Driver }

type shyConnector struct{ driver.Connector }

func (d shyDriver) OpenConnector(string) (driver.Connector, error) { return shyConnector{}, nil }

func (shyConnector) Driver() driver.Driver { return nil }

var registerShy = sync.OnceFunc(func() { sql.Register("shy", shyDriver{}) }) // tests may run more than once

func TestOpenRefusesConnectorWithoutDriver(t *testing.T) {
	registerShy()
	for prefix, open := range map[string]func() (*sql.DB, error){
		`gapsql.Open: driver "shy"`:     func() (*sql.DB, error) { return gapsql.Open("shy", "") },
		`gapsql.Register: driver "shy"`: func() (*sql.DB, error) { return sql.Open(gapsql.Register("shy"), "") },
	} {
		if db, err := open(); db != nil || err == nil || !strings.HasPrefix(err.Error(), prefix) {
			t.Errorf("%v, %v", db, err)
		}
	}
}

func TestWrapTwice(t *testing.T) {
	for name, open := range map[string]func(older, newer gaptrace.Option) *sql.DB{
		"Wrap": func(older, newer gaptrace.Option) *sql.DB {
			return sql.OpenDB(gapsql.Wrap(gapsql.Wrap(&fake{shape: modern}, older), newer))
		},
		"WrapDriver": func(older, newer gaptrace.Option) *sql.DB {
			d := gapsql.WrapDriver(gapsql.WrapDriver(oldDriver{}, older), newer)
			return sql.OpenDB(spantest.Must(d.(driver.DriverContext).OpenConnector("dsn"))(t))
		},
		"Wrap of WrapDriver": func(older, newer gaptrace.Option) *sql.DB {
			d := gapsql.WrapDriver(newDriver{}, older)
			return sql.OpenDB(gapsql.Wrap(spantest.Must(d.(driver.DriverContext).OpenConnector("dsn"))(t), newer))
		},
		"WrapDriver of Wrap": func(older, newer gaptrace.Option) *sql.DB {
			d := gapsql.WrapDriver(contextDriver{gapsql.Wrap(&fake{shape: modern}, older)}, newer)
			return sql.OpenDB(spantest.Must(d.(driver.DriverContext).OpenConnector("dsn"))(t))
		},
		"Open of WrapDriver": func(_, newer gaptrace.Option) *sql.DB {
			setTracer(t, newer) // which the registered driver uses
			return spantest.Must(gapsql.Open("wrapped new", "dsn", newer))(t)
		},
		"Register of WrapDriver": func(_, newer gaptrace.Option) *sql.DB {
			setTracer(t, newer)
			return spantest.Must(openRegistered("wrapped new")("dsn", newer))(t)
		},
		"Open of Register": func(older, newer gaptrace.Option) *sql.DB {
			return spantest.Must(gapsql.Open(gapsql.Register("new", older), "dsn", newer))(t)
		},
		"Register of Register": func(older, newer gaptrace.Option) *sql.DB {
			return spantest.Must(openRegistered(gapsql.Register("new", older))("dsn", newer))(t)
		},
	} {
		register(&fake{shape: modern})
		older, newer := spantest.NewTracer(), spantest.NewTracer()
		db := open(gaptrace.WithTracer(older), func(c *options.Config) {
			gaptrace.WithTracer(newer)(c)
			gaptrace.WithRoots()(c)
		})
		noError(t, db.Ping())
		db.Close()
		if len(older.Spans()) != 0 || len(newer.Named("sql ping")) != 1 || len(newer.Named("sql connect")) != 1 {
			t.Errorf("%s: recorded, older:\n%snewer:\n%s", name, older.Tree(), newer.Tree())
		}
	}
}

// setTracer makes opt's tracer the global one, until the test ends.
func setTracer(t *testing.T, opt gaptrace.Option) {
	var c options.Config
	opt(&c)
	opentracing.SetGlobalTracer(c.Tracer)
	t.Cleanup(func() { opentracing.SetGlobalTracer(opentracing.NoopTracer{}) })
}

func TestWrapDriverOpen(t *testing.T) {
	register(&fake{shape: modern})
	tracer := spantest.NewTracer()
	d := gapsql.WrapDriver(oldDriver{}, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	d = gapsql.WrapDriver(d, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	c := spantest.Must(d.Open("dsn"))(t)
	noError(t, c.(driver.Pinger).Ping(context.Background()))
	if got := len(tracer.Spans()); got != 2 {
		t.Errorf("%d spans, want those of connect and ping", got)
	}
}

var _ io.Closer = newConnector{}
