// Package weave is the parent of the packages that gaptrace build weaves into a program. Each of
// them wraps the clients of one library, without a change in the program's source:
//
//	weave/nethttp        net/http: every server, and every client that uses an http.Transport
//	weave/sql            database/sql, and so gorm, sqlx, ent and others
//	weave/mysql          names the database in the spans of go-sql-driver/mysql
//	weave/redis          go-redis v8
//	weave/grpc           grpc, client and server
//	weave/elasticsearch  go-elasticsearch v8
//	weave/tracer         opens a tracer, unless the program sets one
//	weave/environment    removes the environment variables that gaptrace sets for the go command
//
// They have an effect only in a program that gaptrace build, run, test or install has built. Their
// code has the build tag gaptrace_woven, and needs the changed libraries. In another program, they
// are empty.
//
// The file join.txt of a package is added to its library. It declares functions that the library
// has already. The library's own functions get the prefix "gaptrace". Those of join.txt call
// variables, which the package sets.
//
// A program's go.mod need not require these packages. But it can, so that builds are reproducible:
// gaptrace weave init writes a file that imports them. docs/weave.md has the details.
package weave
