// Package interop tests the wrappers with code that other projects wrote: WebSocket and gRPC
// libraries, net/http's reverse proxy and file server, SQL drivers, and the libraries on top of
// database/sql. Each test runs that code raw and wrapped, compares the results, and checks the
// spans.
//
// Other tests run services in Node, Python and Envoy, and open the pages of gap/report and
// gap/debug in a browser. Marks and CPU clocks are read back with golang.org/x/exp/trace. Package
// web tests web frameworks, and package suites runs the test suites of other projects.
//
// It is a separate module with only tests, so that no program depends on this code.
package interop
