package interop_test

import (
	"database/sql"
	"path/filepath"
	"sync"
	"testing"

	entdialect "entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jmoiron/sqlx"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"modernc.org/sqlite"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// byName are libraries that open a database by a driver's name.
var byName = map[string]struct {
	use        func(r *libraryRun, driverName, dsn string)
	operations []string
}{
	"sqlx": {useSqlxByName, prepares},
	"gorm": {useGormByName, commits[:1]},
	"ent":  {useEntByName, rollsBack},
}

func useSqlxByName(r *libraryRun, driverName, dsn string) {
	db := spantest.Must(sqlx.ConnectContext(r.ctx, driverName, dsn))(r.t)
	defer db.Close()
	useSqlxDB(r, db)
}

// useGormByName gives gorm's dialector for MySQL the driver of SQLite, which accepts simple
// statements of MySQL.
func useGormByName(r *libraryRun, driverName, dsn string) {
	dialector := gormmysql.New(gormmysql.Config{DriverName: driverName, DSN: dsn, SkipInitializeWithVersion: true})
	g := spantest.Must(gorm.Open(dialector, &gorm.Config{Logger: logger.Discard}))(r.t)
	db := spantest.Must(g.DB())(r.t)
	defer db.Close()
	g = g.WithContext(r.ctx)
	r.note("create", g.Exec("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)").Error)
	r.note("insert", g.Create(&book{1, "Emma"}).Error, g.Create(&book{1, "again"}).Error != nil)
	var one book
	r.note("first", g.First(&one, 1).Error, one)
}

func useEntByName(r *libraryRun, driverName, dsn string) {
	driver := spantest.Must(entsql.Open(driverName, dsn))(r.t)
	defer driver.Close()
	r.note("dialect", driver.Dialect())
	useEntDriver(r, driver)
}

// registerSQLite3 registers SQLite's driver under the name that ent knows.
var registerSQLite3 = sync.OnceFunc(func() { sql.Register(entdialect.SQLite, &sqlite.Driver{}) })

// TestRegisterInLibraries checks what docs/sql.md says of libraries that take a driver's name.
func TestRegisterInLibraries(t *testing.T) {
	registerSQLite3()
	for name, library := range byName {
		t.Run(name, func(t *testing.T) {
			newDSN := func() string { return filepath.Join(t.TempDir(), "db") }
			raw := &libraryRun{t: t, ctx: t.Context()}
			library.use(raw, entdialect.SQLite, newDSN())

			tracer, ctx, parent := spantest.Under(t)
			defer parent.Finish()
			wrapped := &libraryRun{t: t, ctx: ctx}
			library.use(wrapped, gapsql.Register(entdialect.SQLite, gaptrace.WithTracer(tracer)), newDSN())
			spantest.Want(t, wrapped.String(), raw.String())
			wantOperations(t, tracer, library.operations)
		})
	}
}

// TestRegisterInSqlx checks that sqlx needs BindDriver if the placeholder is not a question mark.
func TestRegisterInSqlx(t *testing.T) {
	if got := sqlx.BindType(gapsql.Register("postgres")); got != sqlx.UNKNOWN {
		t.Errorf("sqlx knows the placeholder of the name, %d: correct docs/sql.md", got)
	}
	name := gapsql.Register("pgx")
	sqlx.BindDriver(name, sqlx.BindType("pgx"))
	db := spantest.Must(sqlx.Open(name, "postgres://localhost/books"))(t) // does not connect
	defer db.Close()
	if got := db.Rebind("id = ?"); got != "id = $1" {
		t.Errorf("the query is %q", got)
	}
}
