// Package tracer opens a tracer in a program that gaptrace build has built, as tracer.New does,
// when the first span starts. It does not, if the program has set a global tracer of its own by
// then.
package tracer
