// Package interop runs code that nobody here wrote through the wrappers: WebSocket libraries, gRPC, the
// proxy and the file server of the standard library, drivers of database/sql, and the tests of one of these. Each test runs that code as it is and wrapped, compares what
// it gets, and looks at what was drawn. It is a module of its own, and of tests alone, so that none of this code
// enters the go.mod of a program that uses gaptrace.
package interop
