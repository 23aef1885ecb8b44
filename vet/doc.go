// Package vet finds the network clients of a program that gaptrace does not cover, and fixes many
// of them.
//
// A gap of a trace is the program's own time only if a wrapper covers every wait. One client that
// nobody wrapped, or one call without the context of its request, makes a gap that looks like work.
// [Check] finds them:
//
//	client := redis.NewClient(options)    GT103: the client is not wrapped
//	rows, err := db.Query(statement)      GT301: the call has no context, but ctx is in scope
//
// [Rules] lists what it finds. The command is gaptrace vet; gaptrace fix applies the fixes.
//
// # How it works
//
// Check follows values from where a client is made: through variables, fields, parameters, results,
// closures, maps, channels and interfaces, across packages. If no way leads to a wrapper, the client
// is a finding:
//
//	store.New    c := redis.NewClient(o)  ->  return &Store{client: c}
//	                                                  |
//	main         s := store.New(o);  gapredis.Wrap(s.client)     wrapped, so not a finding
//
// Two values that meet in one field or variable are not told apart. So if one of them is wrapped,
// both count as wrapped: Check rather misses a client than reports one that is wrapped.
//
// [Analyzer] does the same for one package at a time, for drivers such as go vet -vettool and
// golangci-lint. It does not report a client that leaves its package, since the package that gets it
// may wrap it.
//
// # Silence
//
// A comment on the line of a finding, or on the line above, silences it. It must give a reason:
//
//	resp, err := http.Get(url) //gaptrace:ignore runs once, before the server starts
package vet
