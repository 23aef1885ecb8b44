// Package interop runs code that nobody here wrote through the wrappers: WebSocket libraries, gRPC, the
// proxy and the file server of the standard library, drivers of database/sql, and the own tests of
// go-sql-driver/mysql and go-elasticsearch. Each test runs that code as it is and wrapped, compares what
// it gets, and looks at what was drawn. A browser looks at the pages of gap/report and gap/debug. It is a
// module of its own, and of tests alone, so that none of this code enters the go.mod of a program that
// uses gaptrace.
//
// The own tests of a library are copied, built with a wrapper where their calls pass, and run twice. How
// they end, what they draw and how long they take is told by
//
//	go test -v -run OwnTests ./internal/interop
package interop
