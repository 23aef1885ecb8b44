package httpserver

import (
	"net"

	"github.com/gin-gonic/gin"
	khttp "github.com/go-kratos/kratos/v2/transport/http"
	"github.com/labstack/echo/v4"
)

func runGin(l net.Listener) {
	e := gin.New()
	e.Run(":80")             // want `GT201: e.Run: .*; serve it with nethttp.WrapHandler`
	e.Run()                  // want `GT201: e.Run: .*; serve nethttp.WrapHandler\(engine\) with net/http instead`
	e.RunTLS(":443", "", "") // want `GT201: e.RunTLS: .*; serve nethttp.WrapHandler\(engine\) with net/http instead`
	e.RunListener(l)         // want `GT201: e.RunListener: .*; serve nethttp.WrapHandler\(engine\) with net/http instead`
	e.RunUnix("a")           // want `GT201: e.RunUnix: .*; serve nethttp.WrapHandler\(engine\) with net/http instead`
	e.RunFd(3)               // want `GT201: e.RunFd: .*; serve nethttp.WrapHandler\(engine\) with net/http instead`
}

func startEcho() {
	e := echo.New()
	e.GET("/", nil)
	e.Start(":80") // want `GT201: e.Start: .*; use echo.WrapMiddleware with nethttp.WrapHandler`
}

func startEchoOtherwise(which int) {
	e := echo.New()
	switch which {
	case 1:
		e.StartTLS(":443", "", "") // want `GT201: e.StartTLS: .*; use echo.WrapMiddleware with nethttp.WrapHandler`
	case 2:
		e.StartAutoTLS(":443") // want `GT201: e.StartAutoTLS: .*; use echo.WrapMiddleware with nethttp.WrapHandler`
	default:
		e.StartH2CServer(":80", nil) // want `GT201: e.StartH2CServer: .*; use echo.WrapMiddleware with nethttp.WrapHandler`
	}
}

func startParameter(e *echo.Echo) {
	e.Start(":80") // want `GT201: e.Start: .*; use echo.WrapMiddleware with nethttp.WrapHandler`
}

func kratos(opts []khttp.ServerOption) {
	khttp.NewServer()                   // want `GT201: khttp.NewServer: .*; add khttp.Filter`
	khttp.NewServer(khttp.Address("a")) // want `GT201: .*; add khttp.Filter`
	khttp.NewServer(opts...)            // want `GT201: .*; add khttp.Filter`
}
