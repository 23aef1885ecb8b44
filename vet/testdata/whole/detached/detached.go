// Package detached starts work that outlives its request.
package detached

import (
	"context"
	"database/sql"
	"net/http"
)

func exec(ctx context.Context, db *sql.DB) { db.ExecContext(ctx, "delete") }

func inGo(ctx context.Context, db *sql.DB) {
	go exec(context.Background(), db)              // want `GT302: .*; use context.WithoutCancel\(ctx\)`
	go func() { exec(context.Background(), db) }() // want `GT302: .*; use context.WithoutCancel\(ctx\)`
}

func ofRequest(r *http.Request, db *sql.DB) {
	go exec(context.TODO(), db) // want `GT302: .*; use context.WithoutCancel\(r.Context\(\)\)`
}

func shadowed(ctx context.Context, db *sql.DB) {
	go func(ctx int) { exec(context.Background(), db) }(1)
}
