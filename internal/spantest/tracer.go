package spantest

import (
	"github.com/gaptrace/gaptrace/wrap/wraptest"
	"github.com/opentracing/opentracing-go"
)

// Tracer and Span are those of package wraptest.
type (
	Tracer = wraptest.Tracer
	Span   = wraptest.Span
)

// NewTracer returns an empty Tracer.
func NewTracer() *Tracer { return wraptest.NewTracer() }

// Hostile is [wraptest.Hostile].
func Hostile(inner *Tracer) map[string]opentracing.Tracer { return wraptest.Hostile(inner) }
