package peer

import (
	"database/sql"
	"database/sql/driver"

	"github.com/luna-duclos/instrumentedsql"
	instrumentedot "github.com/luna-duclos/instrumentedsql/opentracing"
)

func instrumentedSQL() Peer {
	return Peer{
		Name: "instrumentedsql",
		Modules: []string{
			"github.com/luna-duclos/instrumentedsql",
			"github.com/luna-duclos/instrumentedsql/opentracing",
		},
		API:  OpenTracing,
		Open: openTracing,
		SQL: func(c driver.Connector) *sql.DB {
			tracer := instrumentedsql.WithTracer(instrumentedot.NewTracer(false))
			return openDB(instrumentedsql.WrapDriver(asDriver{c}, tracer))
		},
	}
}
