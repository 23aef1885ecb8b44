package dotimport

import (
	. "github.com/go-kratos/kratos/v2/transport/grpc"
	. "github.com/labstack/echo/v4"
)

func serve() {
	NewServer() // want `GT105: NewServer: .*; add Options`
	e := New()
	e.Start(":80") // want `GT201: .*; use WrapMiddleware with nethttp.WrapHandler`
}
