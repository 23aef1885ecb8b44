// Package setup opens the tracer.
package setup

import (
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func Tracer() {
	t, _, err := tracer.New("test")
	if err == nil {
		opentracing.SetGlobalTracer(t)
	}
}
