package nowrapper

import (
	"context"
	"net/http"

	khttp "github.com/go-kratos/kratos/v2/transport/http"
	"github.com/go-resty/resty/v2"
	fiber2 "github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v3"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func clients(ctx context.Context) {
	pgx.Connect(ctx, "dsn")  // want `GT401: pgx.Connect: pgx has no wrapper; .*`
	pgxpool.New(ctx, "dsn")  // want `GT401: pgxpool.New: pgx has no wrapper; .*`
	resty.New()              // want `GT401: resty.New: Resty has no wrapper; .*`
	resty.NewWithClient(nil) // want `GT401: resty.NewWithClient: Resty has no wrapper; .*`
	khttp.NewClient(ctx)     // want `GT101: khttp.NewClient: .*; pass it http\.WithTransport\(nethttp.Wrap\(nil\)\)`
}

func servers(h http.Handler) {
	fiber2.New().Listen(":80") // want `GT401: .*Listen: .*; serve with net/http instead of fasthttp`
	fiber.New().Listen(":80")  // want `GT401: .*Listen: .*; serve with net/http instead of fasthttp`
}
