// Package gaptrace has the names of gaptrace that the tests use.
package gaptrace

type Option func()

func WithRoots() Option { return nil }
