// Package web runs web frameworks and middlewares inside and outside of nethttp.WrapHandler, and compares what their
// handlers and clients see with what they see without it. It is apart from package interop because it compiles so many
// of them.
package web
