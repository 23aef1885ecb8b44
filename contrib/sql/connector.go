package gapsql

import (
	"cmp"
	"context"
	"database/sql/driver"
	"io"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/ext"
)

// Target holds tags that say which database a connector leads to. An empty field adds no tag. There
// is no field for a password.
type Target struct {
	Type     string // db.type: the kind of database, in lower case: "mysql"
	Instance string // db.instance: the name of the database
	User     string // db.user
	Address  string // peer.address: host:port, or the path of a Unix socket
}

// Wrap returns a new connector, for sql.OpenDB, whose connections record spans. Their db.type is
// "sql", OpenTracing's value for any SQL database. Wrap panics if c is nil.
func Wrap(c driver.Connector, opts ...gaptrace.Option) driver.Connector {
	if c == nil {
		panic("gapsql.Wrap: c is nil")
	}
	return WrapTarget(c, Target{Type: "sql"}, opts...)
}

// WrapTarget returns a new connector like that of [Wrap], with tags that name the database. If c is
// already wrapped by this package, target and opts replace the earlier ones. WrapTarget panics if c
// is nil.
func WrapTarget(c driver.Connector, target Target, opts ...gaptrace.Option) driver.Connector {
	if c == nil {
		panic("gapsql.WrapTarget: c is nil")
	}
	return wrapConnector(c, "", newDatabase(target, opts))
}

// wrapConnector wraps c. If c is wrapped already, it replaces that wrapper, so that each call has
// one span. A woven wrapper does not replace one by hand.
func wrapConnector(c driver.Connector, dsn string, db *database) driver.Connector {
	if ours, ok := c.(connector); ok {
		if db.wrapper.Options.Woven && !ours.db.wrapper.Options.Woven {
			return c
		}
		c, dsn = ours.Connector, cmp.Or(dsn, ours.dsn)
	}
	return connector{c, dsn, db}
}

// connector is a wrapped connector. Its Driver method returns the unwrapped driver, since programs
// assert the result of (*sql.DB).Driver to the driver's type.
type connector struct {
	driver.Connector
	dsn string // "" if not known
	db  *database
}

var _ io.Closer = connector{}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.db.connect(ctx, c.dsn, c.Connector.Connect)
}

// Close is called by (*sql.DB).Close.
func (c connector) Close() error {
	abandon(c.db.wrapper.Unfinished())
	if closer, ok := c.Connector.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// OpenedAs returns a woven connector for a database that sql.Open has opened with these arguments,
// with the tags of [Open]. It returns nil if c was wrapped by hand. Package weave/sql calls it,
// since the connector that sql.Open makes does not say its driver's name.
func (c connector) OpenedAs(driverName, dataSourceName string, opts ...gaptrace.Option) driver.Connector {
	if !c.db.wrapper.Options.Woven {
		return nil
	}
	return wrapConnector(c, dataSourceName, newDatabase(Target{Type: driverName}, opts))
}

// connect opens a connection by dial and wraps it. dsn is for redaction: if the driver parses it
// only now, its error may repeat it.
func (db *database) connect(
	ctx context.Context, dsn string, dial func(ctx context.Context) (driver.Conn, error),
) (driver.Conn, error) {
	c := db.start(ctx, "sql connect", "")
	c.dsn = dsn
	c.orphan = false // the pool also opens connections by itself
	raw, err := run(c, dial)
	if err != nil || raw == nil {
		return raw, err
	}
	return wrapConn(raw, db), nil
}

// database is what a connector shares with its connections and their statements.
type database struct {
	wrapper   *spanutil.Wrapper // of one connector, which is closed with its sql.DB
	target    Target
	tags      []tag           // of every span
	shown     *spanutil.Texts // statements
	forgotten forgotten
}

func newDatabase(target Target, opts []gaptrace.Option) *database {
	db := &database{wrapper: spanutil.NewClient(component, opts), target: target, shown: new(spanutil.Texts)}
	for _, t := range []struct{ key, value string }{
		{string(ext.DBType), target.Type},
		{string(ext.DBInstance), target.Instance},
		{string(ext.DBUser), target.User},
		{string(ext.PeerAddress), target.Address},
	} {
		if t.value != "" {
			db.tags = append(db.tags, tag{t.key, spanutil.NewText(redact.Text(t.value))}) // an address may be a URL
		}
	}
	return db
}

// another returns a database with the same options and tags, for another connector.
func (db *database) another() *database {
	return &database{wrapper: db.wrapper.Another(), target: db.target, tags: db.tags, shown: db.shown}
}

type tag struct {
	key   string
	value spanutil.Text
}
