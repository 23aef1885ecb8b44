package interop_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	entdialect "entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jmoiron/sqlx"
	"github.com/opentracing/opentracing-go"
	"github.com/pressly/goose/v3"
	"github.com/uber/jaeger-client-go"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	gormmysql "gorm.io/driver/mysql"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/interop/testdata/books"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// pool has the methods of *sql.DB and *gapsql.DB that libraries over database/sql need.
type pool interface {
	gorm.ConnPool
	gorm.TxBeginner
	gorm.GetDBConnector
	books.DBTX
	entsql.ExecQuerier
}

// rawPool is a *sql.DB with GetDBConn, which completes pool.
type rawPool struct{ *sql.DB }

func (p rawPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

// given returns p as a program passes it: a *sql.DB or a *gapsql.DB.
func given(p pool) gorm.ConnPool {
	if raw, ok := p.(rawPool); ok {
		return raw.DB
	}
	return p
}

// kit is a library over database/sql.
type kit struct {
	dialect string // of dialects
	pools   bool   // accepts what WrapDB returns; otherwise it gets the wrapped *sql.DB
	use     func(ctx context.Context, see func(what string, values ...any), p pool, next func())
	draws   []string // operations that must be drawn
}

type kitBook struct {
	ID    int64 `gorm:"primaryKey" bun:",pk" db:"id"`
	Title string
}

func (kitBook) TableName() string { return "book" }

// within returns the *sql.DB of p.
func within(p pool) *sql.DB {
	db, _ := p.GetDBConn()
	return db
}

var errRolledBack = fmt.Errorf("rolled back")

func useGorm(open func(gorm.ConnPool) gorm.Dialector, config gorm.Config) func(context.Context, func(string, ...any), pool, func()) {
	return func(ctx context.Context, see func(string, ...any), p pool, next func()) {
		config := config
		config.Logger = logger.Discard
		g, err := gorm.Open(open(given(p)), &config)
		see("open", err)
		db, err := g.DB()
		see("DB()", db == within(p), err)
		g = g.WithContext(ctx)
		next() // the queries of Open have no context
		see("migrate", g.AutoMigrate(&kitBook{}))
		see("create", g.Create(&kitBook{1, "Emma"}).Error, g.Create(&kitBook{1, "again"}).Error != nil)
		var one kitBook
		see("first", g.First(&one, 1).Error, one)
		see("none", g.First(&kitBook{}, 9).Error)
		see("transaction", g.Transaction(func(tx *gorm.DB) error { return tx.Create(&kitBook{2, "Persuasion"}).Error }))
		see("rolled back", g.Transaction(func(tx *gorm.DB) error {
			_, err := tx.DB()
			see("DB() in it", err)
			tx.Create(&kitBook{3, "Sanditon"})
			return errRolledBack
		}))
		see("connection", g.Connection(func(c *gorm.DB) error { return c.Create(&kitBook{4, "Lady Susan"}).Error }))
		var all []kitBook
		see("find", g.Order("id").Find(&all).Error, all)
	}
}

func openGormPostgres(p gorm.ConnPool) gorm.Dialector {
	return gormpostgres.New(gormpostgres.Config{Conn: p})
}

func openGormMySQL(p gorm.ConnPool) gorm.Dialector {
	return gormmysql.New(gormmysql.Config{Conn: p})
}

var transactions = []string{"sql exec", "sql query", "sql begin", "sql commit", "sql rollback"}

var kits = map[string]kit{
	"gorm, PostgreSQL": {"jackc/pgx", true, useGorm(openGormPostgres, gorm.Config{}), transactions},
	"gorm, MySQL":      {"go-sql-driver/mysql", true, useGorm(openGormMySQL, gorm.Config{}), transactions},
	"gorm, prepared":   {"jackc/pgx", true, useGorm(openGormPostgres, gorm.Config{PrepareStmt: true}), append(transactions, "sql prepare")},
	"sqlx": {"modernc.org/sqlite", false, func(ctx context.Context, see func(string, ...any), p pool, next func()) {
		db := sqlx.NewDb(within(p), "sqlite")
		next()
		_, err := db.ExecContext(ctx, "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)")
		see("create", err)
		_, err = db.NamedExecContext(ctx, "INSERT INTO book VALUES (:id, :title)", kitBook{1, "Emma"})
		see("insert", err)
		for _, end := range []func(*sqlx.Tx) error{(*sqlx.Tx).Commit, (*sqlx.Tx).Rollback} {
			tx, err := db.BeginTxx(ctx, nil)
			see("begin", err)
			_, err = tx.NamedExecContext(ctx, "INSERT INTO book VALUES (:id, :title)", kitBook{2, "Persuasion"})
			see("insert", err != nil, end(tx))
		}
		var one kitBook
		see("get", db.GetContext(ctx, &one, "SELECT * FROM book WHERE id = ?", 1), one)
		prepared, err := db.PreparexContext(ctx, "SELECT * FROM book WHERE id > ?")
		see("prepare", err)
		var all []kitBook
		see("select", prepared.SelectContext(ctx, &all, 0), all, prepared.Close())
	}, append(transactions, "sql prepare")},
	"ent": {"modernc.org/sqlite", false, func(ctx context.Context, see func(string, ...any), p pool, next func()) {
		next()
		useEnt(ctx, see, entsql.OpenDB(entdialect.SQLite, within(p)))
	}, transactions},
	"bun": {"modernc.org/sqlite", false, func(ctx context.Context, see func(string, ...any), p pool, next func()) {
		type Book struct {
			bun.BaseModel `bun:"table:book"`
			ID            int64 `bun:",pk"`
			Title         string
		}
		db := bun.NewDB(within(p), sqlitedialect.New())
		next()
		_, err := db.NewCreateTable().Model((*Book)(nil)).Exec(ctx)
		see("create", err)
		_, err = db.NewInsert().Model(&Book{ID: 1, Title: "Emma"}).Exec(ctx)
		see("insert", err)
		for i, failure := range []error{nil, errRolledBack} {
			see("transaction", db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.NewInsert().Model(&Book{ID: int64(2 + i), Title: "Persuasion"}).Exec(ctx)
				see("insert", err)
				return failure
			}))
		}
		var all []Book
		see("select", db.NewSelect().Model(&all).Order("id").Scan(ctx), all)
	}, transactions},
	"sqlc": {"modernc.org/sqlite", true, func(ctx context.Context, see func(string, ...any), p pool, next func()) {
		next()
		_, err := p.ExecContext(ctx, "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL)")
		see("create", err)
		q := books.New(p)
		_, err = q.AddBook(ctx, books.AddBookParams{ID: 1, Title: "Emma"})
		see("add", err)
		for _, end := range []func(*sql.Tx) error{(*sql.Tx).Commit, (*sql.Tx).Rollback} {
			tx, err := p.BeginTx(ctx, nil)
			see("begin", err)
			_, err = q.WithTx(tx).AddBook(ctx, books.AddBookParams{ID: 2, Title: "Persuasion"})
			see("add", err != nil, end(tx))
		}
		prepared, err := books.Prepare(ctx, p)
		see("prepare", err)
		all, err := prepared.ListBooks(ctx)
		see("list", err, all)
		one, err := prepared.GetBook(ctx, 1)
		see("get", err, one, prepared.Close())
		_, err = q.GetBook(ctx, 9)
		see("none", err)
	}, append(transactions, "sql prepare")},
	"goose": {"modernc.org/sqlite", false, func(ctx context.Context, see func(string, ...any), p pool, next func()) {
		migrations := fstest.MapFS{"00001_book.sql": {Data: []byte(`-- +goose Up
CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT);
-- +goose Down
DROP TABLE book;
`)}}
		provider, err := goose.NewProvider(goose.DialectSQLite3, within(p), migrations)
		see("provider", err)
		next()
		results, err := provider.Up(ctx)
		see("up", len(results), err)
		version, err := provider.GetDBVersion(ctx)
		see("version", version, err)
		_, err = provider.Down(ctx)
		see("down", err)
	}, []string{"sql exec", "sql query", "sql begin", "sql commit"}},
}

// useEnt does what ent's generated code does with its driver.
func useEnt(ctx context.Context, see func(string, ...any), drv entdialect.Driver) {
	var result entsql.Result
	see("create", drv.Exec(ctx, "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)", []any{}, &result))
	insert, args := entsql.Dialect(entdialect.SQLite).Insert("book").Columns("id", "title").Values(1, "Emma").Query()
	see("insert", drv.Exec(ctx, insert, args, &result))
	for _, end := range []func(entdialect.Tx) error{entdialect.Tx.Commit, entdialect.Tx.Rollback} {
		tx, err := drv.Tx(ctx)
		see("begin", err)
		see("insert", tx.Exec(ctx, "INSERT INTO book VALUES (?, ?)", []any{2, "Persuasion"}, &result) != nil, end(tx))
	}
	var rows entsql.Rows
	see("query", drv.Query(ctx, "SELECT * FROM book ORDER BY id", []any{}, &rows))
	var all []kitBook
	see("scan", entsql.ScanSlice(rows, &all), all, rows.Close())
}

// sightings are what a program sees of a database through a library, one line for each step.
func sightings() (see func(what string, values ...any), seen *strings.Builder) {
	seen = new(strings.Builder)
	return func(what string, values ...any) {
		for i, v := range values {
			if err, ok := v.(error); ok {
				values[i] = fmt.Sprintf("%T %v", err, err)
			} else {
				values[i] = fmt.Sprintf("%+v", v)
			}
		}
		fmt.Fprintln(seen, what, values)
	}, seen
}

// busy gives db one connection, and returns next, which holds it until the next call waits for it,
// and finish.
func busy(t *testing.T, db *sql.DB) (next, finish func()) {
	db.SetMaxOpenConns(1)
	var holders sync.WaitGroup
	next = func() {
		held, err := db.Conn(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		before := db.Stats().WaitCount
		holders.Go(func() {
			defer held.Close()
			for db.Stats().WaitCount == before && t.Context().Err() == nil {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Millisecond)
		})
	}
	return next, holders.Wait
}

// TestSQLLibrariesBehaveAsRaw checks the table of libraries in docs/sql.md.
func TestSQLLibrariesBehaveAsRaw(t *testing.T) {
	for name, kit := range kits {
		t.Run(name, func(t *testing.T) {
			d := dialects[kit.dialect]
			dsn := d.dsn(t)
			raw, err := sql.Open(d.driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			see, want := sightings()
			next, finish := busy(t, raw)
			kit.use(t.Context(), see, rawPool{raw}, next)
			finish()

			unsampled, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
			defer closer.Close()
			for _, side := range []struct {
				name   string
				parent opentracing.Tracer // nil: none
				wrapDB bool
			}{
				{"no parent", nil, false},
				{"not sampled", unsampled, false},
				{"sampled", spantest.NewTracer(), false},
				{"WrapDB, no parent", nil, true},
				{"WrapDB, not sampled", unsampled, true},
				{"WrapDB, sampled", spantest.NewTracer(), true},
			} {
				ctx, tracer := t.Context(), side.parent
				if tracer == nil {
					tracer = spantest.NewTracer()
				} else {
					parent := tracer.StartSpan("parent")
					defer parent.Finish()
					ctx = opentracing.ContextWithSpan(ctx, parent)
				}
				for _, table := range []string{"book", "goose_db_version"} { // of the side before
					if _, err := raw.Exec("DROP TABLE IF EXISTS " + table); err != nil {
						t.Fatal(err)
					}
				}
				db, err := gapsql.Open(d.driver, dsn, gaptrace.WithTracer(tracer))
				if err != nil {
					t.Fatal(err)
				}
				var p pool = rawPool{db}
				if side.wrapDB {
					p = gapsql.WrapDB(db)
				}
				see, got := sightings()
				next, finish := busy(t, db)
				kit.use(ctx, see, p, next)
				finish()
				db.Close()
				if got.String() != want.String() {
					t.Errorf("%s: raw:\n%s\nwrapped:\n%s", side.name, want, got)
				}
				spans, ok := tracer.(*spantest.Tracer)
				if !ok || side.parent == nil {
					continue
				}
				var drawn []string
				for _, s := range spans.Spans() {
					drawn = append(drawn, s.Operation)
				}
				for _, operation := range kit.draws {
					if !slices.Contains(drawn, operation) {
						t.Errorf("%s: no %s among %v", side.name, operation, drawn)
					}
				}
				if pool := slices.Contains(drawn, "sql pool"); pool != (side.wrapDB && kit.pools) {
					t.Errorf("%s: a wait for the pool is drawn: %v", side.name, pool)
				}
			}
		})
	}
}

// ent accepts any pool until a transaction begins; then it asserts a *sql.DB.
func TestEntBeginsNoTransactionOnWrapDB(t *testing.T) {
	db, err := gapsql.Open("sqlite", dialects["modernc.org/sqlite"].dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var seen []string
	defer func() {
		if said := fmt.Sprint(recover()); len(seen) != 2 || !strings.Contains(said, "*sql.DB") {
			t.Errorf("it has done %v before %s", seen, said)
		}
	}()
	drv := entsql.NewDriver(entdialect.SQLite, entsql.Conn{ExecQuerier: gapsql.WrapDB(db)})
	useEnt(t.Context(), func(what string, _ ...any) { seen = append(seen, what) }, drv)
	t.Error("a transaction has begun: correct the table in docs/sql.md")
}
