package peer

import (
	"database/sql"
	"database/sql/driver"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel/attribute"
)

func otelSQL() Peer {
	return Peer{
		Name:    "otelsql",
		Modules: []string{"github.com/XSAM/otelsql"},
		API:     OpenTelemetry,
		Open:    openTelemetry,
		SQL: func(c driver.Connector) *sql.DB {
			// What semconv.DBSystemMySQL, which its documentation gives, is today.
			return otelsql.OpenDB(c, otelsql.WithAttributes(attribute.String("db.system.name", "mysql")))
		},
	}
}
