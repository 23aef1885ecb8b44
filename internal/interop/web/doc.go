// Package web tests web frameworks and middlewares, inside and outside of nethttp.WrapHandler.
// Their handlers and clients must see what they see without it. It is a separate package because
// its dependencies compile slowly.
package web
