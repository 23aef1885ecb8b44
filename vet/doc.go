// Package vet finds the network clients of a program that gaptrace does not cover, and fixes many
// of them.
//
// A gap of a trace is the program's own time only if a wrapper covers every wait. One client that
// is not wrapped, or one call without the context of its request, makes a gap that looks like work.
// [Check] finds them:
//
//	GT103   a client from redis.NewClient that no wrapper gets
//	GT301   db.Query instead of db.QueryContext, in a function that has a context
//
// [Rules] lists what it finds. The command is gaptrace vet; gaptrace fix applies the fixes.
//
// # How it works
//
// Check follows each client from the expression that makes it, through variables, fields,
// parameters, results, closures, maps, channels and interfaces, across packages. A client that
// reaches no wrapper is a finding:
//
//	store.New    redis.NewClient  ->  variable c  ->  field Store.client
//	main         field Store.client  ->  gapredis.Wrap                      wrapped: no finding
//
// Check does not distinguish two values that meet in one field or variable. If one of them is
// wrapped, both count as wrapped. So Check may miss a client, but it does not report one that is
// wrapped.
//
// [Analyzer] does the same for one package at a time, for drivers such as go vet -vettool and
// golangci-lint. It does not report a client that leaves its package, since another package may
// wrap it.
//
// # Ignore comments
//
// A comment on the line of a finding, or alone on the line above, silences it. It must give a
// reason:
//
//	//gaptrace:ignore runs once, before the server starts
package vet
