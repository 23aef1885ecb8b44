package gapsql

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gaptrace/gaptrace"
)

// Register registers a driver that records the calls of the driver driverName, and returns its
// name, for code that passes a driver's name to sql.Open:
//
//	db, err := sql.Open(gapsql.Register("postgres"), dsn)
//
// For each driver, Register returns the same name at every call: driverName followed by
// "-gaptrace", and by a number if another driver has that name. If driverName is already such a
// name, Register returns it. Several goroutines may call Register.
//
// The options apply to databases that are opened by the name later. If a later call has options,
// they replace the earlier ones. A call without options leaves them. Open databases keep theirs.
// For databases with different options, use [Open].
//
// The driver is looked up when a database is opened, so it may be registered after this call. If it
// is unknown then, sql.Open returns the same error as for driverName. The documentation of [Open]
// says how the driver is found, and what happens if it wraps another one. The db.type is
// driverName.
//
// Some libraries choose a dialect by the driver's name; docs/sql.md says what they need.
func Register(driverName string, opts ...gaptrace.Option) (name string) {
	registry.Lock()
	defer registry.Unlock()
	d := registry.byName[driverName]
	if d == nil {
		d = registry.byOriginal[driverName]
	}
	if d == nil {
		d = &registeredDriver{original: driverName, name: driverName + "-gaptrace"}
		for i := 2; slices.Contains(sql.Drivers(), d.name); i++ {
			d.name = fmt.Sprintf("%s-gaptrace-%d", driverName, i)
		}
		d.setOptions(opts)
		sql.Register(d.name, d)
		if registry.byName == nil {
			registry.byName, registry.byOriginal = map[string]*registeredDriver{}, map[string]*registeredDriver{}
		}
		registry.byName[d.name], registry.byOriginal[driverName] = d, d
	} else if len(opts) > 0 {
		d.setOptions(opts)
	}
	return d.name
}

// registry has the drivers of Register, by their names and by those of the wrapped drivers.
var registry struct {
	sync.Mutex
	byName, byOriginal map[string]*registeredDriver
}

// originalName returns the name of the driver that name stands for, if Register returned name, and
// otherwise name itself.
func originalName(name string) string {
	registry.Lock()
	defer registry.Unlock()
	if d := registry.byName[name]; d != nil {
		return d.original
	}
	return name
}

// registeredDriver is a driver of Register.
type registeredDriver struct {
	driver.Driver // nil: database/sql calls OpenConnector, and nobody else has the driver

	original, name string
	db             atomic.Pointer[database] // the options and tags of the next database
}

var _ driver.DriverContext = (*registeredDriver)(nil)

func (d *registeredDriver) setOptions(opts []gaptrace.Option) {
	d.db.Store(newDatabase(Target{Type: d.original}, opts))
}

// OpenConnector is what sql.Open calls.
func (d *registeredDriver) OpenConnector(dsn string) (driver.Connector, error) {
	c, err := registeredConnector("gapsql.Register", d.original, dsn)
	if err != nil {
		return nil, err
	}
	return wrapConnector(c, dsn, d.db.Load().another()), nil
}
