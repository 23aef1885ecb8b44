// Package tracer opens a tracer, as tracer.New does, in a program that gaptrace build has built. It
// does so when the first span starts, unless the program has set a global tracer by then. Until the
// program sets one, opentracing.IsGlobalTracerRegistered returns false.
package tracer
