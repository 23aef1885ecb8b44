// Package fx has the names of a container for dependency injection that the tests use.
package fx

type (
	Option interface{ apply() }
	App    struct{}
)

func New(opts ...Option) *App            { return nil }
func Provide(constructors ...any) Option { return nil }
func Invoke(functions ...any) Option     { return nil }
func (*App) Run()                        {}
