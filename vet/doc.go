// Package vet finds the network clients of a program that gaptrace does not cover, and fixes many
// of them.
//
// A gap of a trace is the program's own time only if a wrapper covers every wait. One client that
// nobody wrapped, or one call without the context of its request, makes a gap that looks like work.
// [Check] finds them:
//
//	GT103   a client of redis.NewClient that no wrapper gets
//	GT301   db.Query in a function that has a context, where db.QueryContext could be called
//
// [Rules] lists what it finds. The command is gaptrace vet; gaptrace fix applies the fixes.
//
// # How it works
//
// Check follows values from where a client is made: through variables, fields, parameters, results,
// closures, maps, channels and interfaces, across packages. If no way leads to a wrapper, the
// client is a finding:
//
//	store.New    redis.NewClient  ->  variable c  ->  field Store.client
//	main         field Store.client  ->  gapredis.Wrap                      wrapped: no finding
//
// Two values that meet in one field or variable are not told apart. So if one of them is wrapped,
// both count as wrapped: Check rather misses a client than reports one that is wrapped.
//
// [Analyzer] does the same for one package at a time, for drivers such as go vet -vettool and
// golangci-lint. It does not report a client that leaves its package, since the package that gets
// it may wrap it.
//
// # Silence
//
// A comment on the line of a finding, or alone on the line above, silences it. It must give a
// reason:
//
//	//gaptrace:ignore runs once, before the server starts
package vet
