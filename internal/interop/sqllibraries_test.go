package interop_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// pool has the methods of *sql.DB and *gapsql.DB that libraries over database/sql use.
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

// connPool returns p as a program passes it: a *sql.DB or a *gapsql.DB.
func connPool(p pool) gorm.ConnPool {
	if raw, ok := p.(rawPool); ok {
		return raw.DB
	}
	return p
}

// sqlDB returns the *sql.DB of p.
func sqlDB(p pool) *sql.DB {
	db, _ := p.GetDBConn()
	return db
}

// sqlLibrary is a library over database/sql.
type sqlLibrary struct {
	dialect    string // a key of dialects
	takesPool  bool   // accepts what WrapDB returns; otherwise it gets the wrapped *sql.DB
	use        func(*libraryRun)
	operations []string // for each, at least one span
}

// libraryRun is one use of a library. use notes what the program got.
type libraryRun struct {
	transcript
	t    *testing.T
	ctx  context.Context
	pool pool

	holders sync.WaitGroup
}

type book struct {
	ID    int64 `gorm:"primaryKey" bun:",pk" db:"id"`
	Title string
}

func (book) TableName() string { return "book" }

var errRolledBack = errors.New("rolled back")

// The operations that a library must use.
var (
	commits   = []string{"sql exec", "sql query", "sql begin", "sql commit"}
	rollsBack = []string{"sql exec", "sql query", "sql begin", "sql commit", "sql rollback"}
	prepares  = []string{"sql exec", "sql query", "sql begin", "sql commit", "sql rollback", "sql prepare"}
)

var sqlLibraries = map[string]sqlLibrary{
	"gorm, PostgreSQL": {"jackc/pgx", true, useGormPostgres, rollsBack},
	"gorm, MySQL":      {"go-sql-driver/mysql", true, useGormMySQL, rollsBack},
	"gorm, prepared":   {"jackc/pgx", true, useGormPrepared, prepares},
	"sqlx":             {"modernc.org/sqlite", false, useSqlx, prepares},
	"ent":              {"modernc.org/sqlite", false, useEnt, rollsBack},
	"bun":              {"modernc.org/sqlite", false, useBun, rollsBack},
	"sqlc":             {"modernc.org/sqlite", true, useSqlc, prepares},
	"goose":            {"modernc.org/sqlite", false, useGoose, commits},
}

func useGormPostgres(r *libraryRun) {
	useGorm(r, gormpostgres.New(gormpostgres.Config{Conn: connPool(r.pool)}), &gorm.Config{})
}

func useGormPrepared(r *libraryRun) {
	useGorm(r, gormpostgres.New(gormpostgres.Config{Conn: connPool(r.pool)}), &gorm.Config{PrepareStmt: true})
}

func useGormMySQL(r *libraryRun) {
	useGorm(r, gormmysql.New(gormmysql.Config{Conn: connPool(r.pool)}), &gorm.Config{})
}

func useGorm(r *libraryRun, dialector gorm.Dialector, config *gorm.Config) {
	config.Logger = logger.Discard
	g, err := gorm.Open(dialector, config)
	r.note("open", err)
	db, err := g.DB()
	r.note("DB()", db == sqlDB(r.pool), err)
	g = g.WithContext(r.ctx)
	r.occupyPool() // not before: the queries of Open have no context
	r.note("migrate", g.AutoMigrate(&book{}))
	r.note("create", g.Create(&book{1, "Emma"}).Error, g.Create(&book{1, "again"}).Error != nil)
	var one book
	r.note("first", g.First(&one, 1).Error, one)
	r.note("none", g.First(&book{}, 9).Error)
	r.note("transaction", g.Transaction(func(tx *gorm.DB) error { return tx.Create(&book{2, "Persuasion"}).Error }))
	r.note("rolled back", g.Transaction(func(tx *gorm.DB) error {
		_, err := tx.DB()
		r.note("DB() in it", err)
		tx.Create(&book{3, "Sanditon"})
		return errRolledBack
	}))
	r.note("connection", g.Connection(func(c *gorm.DB) error { return c.Create(&book{4, "Lady Susan"}).Error }))
	var all []book
	r.note("find", g.Order("id").Find(&all).Error, all)
}

func useSqlx(r *libraryRun) {
	db := sqlx.NewDb(sqlDB(r.pool), "sqlite")
	r.occupyPool()
	useSqlxDB(r, db)
}

func useSqlxDB(r *libraryRun, db *sqlx.DB) {
	_, err := db.ExecContext(r.ctx, "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)")
	r.note("create", err)
	_, err = db.NamedExecContext(r.ctx, "INSERT INTO book VALUES (:id, :title)", book{1, "Emma"})
	r.note("insert", err)
	for _, end := range []func(*sqlx.Tx) error{(*sqlx.Tx).Commit, (*sqlx.Tx).Rollback} {
		tx, err := db.BeginTxx(r.ctx, nil)
		r.note("begin", err)
		_, err = tx.NamedExecContext(r.ctx, "INSERT INTO book VALUES (:id, :title)", book{2, "Persuasion"})
		r.note("insert", err != nil, end(tx))
	}
	var one book
	r.note("get", db.GetContext(r.ctx, &one, "SELECT * FROM book WHERE id = ?", 1), one)
	prepared, err := db.PreparexContext(r.ctx, "SELECT * FROM book WHERE id > ?")
	r.note("prepare", err)
	var all []book
	r.note("select", prepared.SelectContext(r.ctx, &all, 0), all, prepared.Close())
}

func useEnt(r *libraryRun) {
	r.occupyPool()
	useEntDriver(r, entsql.OpenDB(entdialect.SQLite, sqlDB(r.pool)))
}

// useEntDriver does what ent's generated code does with its driver.
func useEntDriver(r *libraryRun, driver entdialect.Driver) {
	var result entsql.Result
	create := "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)"
	r.note("create", driver.Exec(r.ctx, create, []any{}, &result))
	insert, args := entsql.Dialect(entdialect.SQLite).Insert("book").Columns("id", "title").Values(1, "Emma").Query()
	r.note("insert", driver.Exec(r.ctx, insert, args, &result))
	for _, end := range []func(entdialect.Tx) error{entdialect.Tx.Commit, entdialect.Tx.Rollback} {
		tx, err := driver.Tx(r.ctx)
		r.note("begin", err)
		err = tx.Exec(r.ctx, "INSERT INTO book VALUES (?, ?)", []any{2, "Persuasion"}, &result)
		r.note("insert", err != nil, end(tx))
	}
	var rows entsql.Rows
	r.note("query", driver.Query(r.ctx, "SELECT * FROM book ORDER BY id", []any{}, &rows))
	var all []book
	r.note("scan", entsql.ScanSlice(rows, &all), all, rows.Close())
}

func useBun(r *libraryRun) {
	type bunBook struct {
		bun.BaseModel `bun:"table:book"`
		ID            int64 `bun:",pk"`
		Title         string
	}
	db := bun.NewDB(sqlDB(r.pool), sqlitedialect.New())
	r.occupyPool()
	_, err := db.NewCreateTable().Model((*bunBook)(nil)).Exec(r.ctx)
	r.note("create", err)
	_, err = db.NewInsert().Model(&bunBook{ID: 1, Title: "Emma"}).Exec(r.ctx)
	r.note("insert", err)
	for i, failure := range []error{nil, errRolledBack} {
		r.note("transaction", db.RunInTx(r.ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewInsert().Model(&bunBook{ID: int64(2 + i), Title: "Persuasion"}).Exec(ctx)
			r.note("insert", err)
			return failure
		}))
	}
	var all []bunBook
	r.note("select", db.NewSelect().Model(&all).Order("id").Scan(r.ctx), all)
}

func useSqlc(r *libraryRun) {
	r.occupyPool()
	_, err := r.pool.ExecContext(r.ctx, "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL)")
	r.note("create", err)
	queries := books.New(r.pool)
	_, err = queries.AddBook(r.ctx, books.AddBookParams{ID: 1, Title: "Emma"})
	r.note("add", err)
	for _, end := range []func(*sql.Tx) error{(*sql.Tx).Commit, (*sql.Tx).Rollback} {
		tx, err := r.pool.BeginTx(r.ctx, nil)
		r.note("begin", err)
		_, err = queries.WithTx(tx).AddBook(r.ctx, books.AddBookParams{ID: 2, Title: "Persuasion"})
		r.note("add", err != nil, end(tx))
	}
	prepared, err := books.Prepare(r.ctx, r.pool)
	r.note("prepare", err)
	all, err := prepared.ListBooks(r.ctx)
	r.note("list", err, all)
	one, err := prepared.GetBook(r.ctx, 1)
	r.note("get", err, one, prepared.Close())
	_, err = queries.GetBook(r.ctx, 9)
	r.note("none", err)
}

func useGoose(r *libraryRun) {
	migrations := fstest.MapFS{"00001_book.sql": {Data: []byte(`-- +goose Up
CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT);
-- +goose Down
DROP TABLE book;
`)}}
	provider, err := goose.NewProvider(goose.DialectSQLite3, sqlDB(r.pool), migrations)
	r.note("provider", err)
	r.occupyPool()
	results, err := provider.Up(r.ctx)
	r.note("up", len(results), err)
	version, err := provider.GetDBVersion(r.ctx)
	r.note("version", version, err)
	_, err = provider.Down(r.ctx)
	r.note("down", err)
}

// runLibrary runs use with a pool of one connection.
func runLibrary(t *testing.T, ctx context.Context, p pool, use func(*libraryRun)) string {
	r := &libraryRun{t: t, ctx: ctx, pool: p}
	sqlDB(p).SetMaxOpenConns(1)
	use(r)
	r.holders.Wait()
	return r.String()
}

// occupyPool takes the pool's only connection, and returns it once the next call waits for it.
func (r *libraryRun) occupyPool() {
	db := sqlDB(r.pool)
	held := spantest.Must(db.Conn(r.t.Context()))(r.t) // not r.ctx, so that it has no span
	before := db.Stats().WaitCount
	r.holders.Go(func() {
		defer held.Close()
		for db.Stats().WaitCount == before && r.t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Millisecond) // so that the wait has a length
	})
}

// TestSQLLibraries checks the table of libraries in docs/sql.md.
func TestSQLLibraries(t *testing.T) {
	unsampled := spantest.Jaeger(t, false, nil)
	for name, library := range sqlLibraries {
		t.Run(name, func(t *testing.T) {
			d := dialects[library.dialect]
			dsn := d.newDSN(t)
			raw := spantest.Must(sql.Open(d.driver, dsn))(t)
			defer raw.Close()
			want := runLibrary(t, t.Context(), rawPool{raw}, library.use)

			for _, wrapDB := range []bool{false, true} {
				sampled, underSampled, parent := spantest.Under(t)
				defer parent.Finish()
				for how, c := range map[string]struct {
					ctx    context.Context
					tracer opentracing.Tracer
				}{
					"no parent":   {t.Context(), spantest.NewTracer()},
					"not sampled": {opentracing.ContextWithSpan(t.Context(), unsampled.StartSpan("parent")), unsampled},
					"sampled":     {underSampled, sampled},
				} {
					dropTables(t, raw)
					db := spantest.Must(gapsql.Open(d.driver, dsn, gaptrace.WithTracer(c.tracer)))(t)
					var p pool = rawPool{db}
					if wrapDB {
						p = gapsql.WrapDB(db)
					}
					got := runLibrary(t, c.ctx, p, library.use)
					db.Close()
					if got != want {
						t.Errorf("%s, WrapDB %v: raw:\n%s\nwrapped:\n%s", how, wrapDB, want, got)
					}
				}
				wantOperations(t, sampled, library.operations)
				waited := len(sampled.Named("sql pool")) > 0
				if wanted := wrapDB && library.takesPool; waited != wanted {
					t.Errorf("WrapDB %v: a wait for the pool has a span: %v, want %v", wrapDB, waited, wanted)
				}
			}
		})
	}
}

// dropTables removes what the run before has left.
func dropTables(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, table := range []string{"book", "goose_db_version"} {
		spantest.Must(db.Exec("DROP TABLE IF EXISTS " + table))(t)
	}
}

func wantOperations(t *testing.T, tracer *spantest.Tracer, operations []string) {
	t.Helper()
	for _, operation := range operations {
		if len(tracer.Named(operation)) == 0 {
			t.Errorf("no span %q:\n%s", operation, tracer.Tree())
		}
	}
}

// TestEntRefusesWrapDB checks a row of docs/sql.md: ent accepts any pool, but asserts a *sql.DB
// when a transaction begins.
func TestEntRefusesWrapDB(t *testing.T) {
	db := spantest.Must(gapsql.Open("sqlite", dialects["modernc.org/sqlite"].newDSN(t)))(t)
	defer db.Close()
	r := &libraryRun{t: t, ctx: t.Context()}
	defer func() {
		message := fmt.Sprint(recover())
		if steps := strings.Count(r.String(), "\n"); steps != 2 || !strings.Contains(message, "*sql.DB") {
			t.Errorf("panic %q after %d steps, want one about *sql.DB after 2:\n%s", message, steps, r)
		}
	}()
	useEntDriver(r, entsql.NewDriver(entdialect.SQLite, entsql.Conn{ExecQuerier: gapsql.WrapDB(db)}))
	t.Error("a transaction began: correct the table in docs/sql.md")
}
