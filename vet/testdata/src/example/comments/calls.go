package comments

import (
	"context"
	"database/sql"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
)

func background(ctx context.Context, db *sql.DB) {
	db.PingContext(context.Background( /* of the whole program */ )) // want `GT302: .*; use ctx`
	db.PingContext(context.TODO())                                   /* kept */ // want `GT302: .*; use ctx`
	time.AfterFunc(time.Minute, func() {
		db.PingContext(context. // want `GT302: .*; use context.WithoutCancel\(ctx\)`
			// It runs later.
			Background())
	})
}

func run(e *gin.Engine) {
	e.Run( /* for health checks */ ":80") // want `GT201: .*; serve nethttp.WrapHandler\(engine\) with net/http instead`
}

func start() {
	/* the API */ e := echo.New() // with middleware
	e.Start(":80")                // want `GT201: .*; use echo.WrapMiddleware with nethttp.WrapHandler`

	other := echo.New() /* with
	   middleware */
	other.Start(":81") // want `GT201: .*; use echo.WrapMiddleware with nethttp.WrapHandler`
}
