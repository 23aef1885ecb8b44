// Package tracer has the names of gaptrace's tracer that the tests use.
package tracer

import (
	"io"

	"github.com/opentracing/opentracing-go"
)

func New(service string) (opentracing.Tracer, io.Closer, error)   { return nil, nil, nil }
func FromYAML(r io.Reader) (opentracing.Tracer, io.Closer, error) { return nil, nil, nil }
