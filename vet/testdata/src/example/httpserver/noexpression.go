package httpserver

import (
	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
)

func addresses(addr []string) {
	gin.Default().Run(addr...) // want `GT201: .*; serve nethttp.WrapHandler\(engine\) with net/http instead`
}

func inCondition() {
	if e := echo.New(); e != nil {
		e.Start(":80") // want `GT201: e.Start: the handler is not wrapped; use echo.WrapMiddleware with nethttp.WrapHandler`
	}
}

var global = echo.New()

func startGlobal() {
	global.Start(":80") // want `GT201: global.Start: .*; use echo.WrapMiddleware with nethttp.WrapHandler`
}
