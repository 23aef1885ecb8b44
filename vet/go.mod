module github.com/gaptrace/gaptrace/vet

go 1.26.0

// A module of its own, so that programs that import gaptrace do not get the analyzer's dependencies.
require (
	github.com/gaptrace/gaptrace v0.1.0
	github.com/golangci/plugin-module-register v0.1.2
	golang.org/x/mod v0.42.0
	golang.org/x/tools v0.52.0
)

require golang.org/x/sync v0.24.0 // indirect

replace github.com/gaptrace/gaptrace => ../
