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
			// The current form of semconv.DBSystemMySQL, which its documentation uses.
			return otelsql.OpenDB(c, otelsql.WithAttributes(attribute.String("db.system.name", "mysql")))
		},
	}
}
