// Package interop tests the wrappers together with other people's code: WebSocket and gRPC
// libraries, the proxy and the file server of the standard library, SQL drivers, and the libraries
// on top of database/sql. Each test runs that code raw and wrapped, compares the results, and
// checks the spans. Other tests talk to services in other languages, and look at the pages of
// gap/report and gap/debug in a browser. It has subpackages: web for web frameworks, and suites for
// the test suites of other projects.
//
// It is a module of its own and holds tests only, so that a program that uses gaptrace depends on
// none of this code.
package interop
