// Package fiber has the names of fiber that the tests use.
package fiber

type App struct{}

func New() *App { return nil }

func (*App) Listen(addr string) error { return nil }
