// Package web runs web frameworks and middlewares inside and outside of nethttp.WrapHandler, and
// compares what their handlers and clients see with what they see without it. It is a package of
// its own because its many dependencies compile slowly.
package web
