// Package gaptrace holds what every wrapper of this module shares: [Call], which describes a
// network call, and the [Option] values that adjust what is recorded.
//
// A wrapper turns each network call of a client into OpenTracing spans. They cover exactly the time
// in which the caller was blocked on the call. What a trace then leaves uncovered inside a span is
// the program's own work: a gap. Package gap finds the gaps.
//
// # Wrappers
//
// Each wrapper takes one line where a client is constructed. Import the package of your library:
//
//	contrib/nethttp          net/http, client and server
//	contrib/redis            go-redis/redis/v8
//	contrib/sql              database/sql, any driver
//	contrib/sql/mysql        go-sql-driver/mysql, with tags from its DSN
//	contrib/elasticsearch    go-elasticsearch/v8
//	contrib/grpc             gRPC, client and server
//
// Package tracer makes a Jaeger tracer in one line. Any other opentracing.Tracer works as well.
//
// By default, a client's call is recorded only if its context carries a span. See [WithRoots].
//
// # Spans and waits
//
// A caller is blocked from the moment it hands a call to the library until the library returns. It
// is blocked again in each Read, Next, Close or RecvMsg that waits for the network while the result
// is consumed. These are the call's waits:
//
//	              client.Do              Body.Read            Body.Read
//	program  ────┐             ┌─ work ─┐           ┌─ work ─┐           ┌────
//	network      └─────────────┘        └───────────┘        └───────────┘
//	spans        [  HTTP GET   ]        [ HTTP GET  ]        [ HTTP GET  ]
//	                                    [   wait    ]        [   wait    ]
//
// The first wait is the call's span. Each later wait is a span of its own, named after the call's
// span plus " wait". It has the same parent, and a FollowsFrom reference to the call's span. A Read
// or Next that takes at most 20 µs found its data in a buffer: it is work, and not covered.
//
// The spans of a call are reported together, with their true times, when its result has been
// consumed: at EOF, an error or Close. The call's span then has these tags:
//
//	wait.count              number of waits
//	wait.us                 their total length, in microseconds
//	wait.joined_us          work between waits that the spans cover, in microseconds
//	bytes, rows, messages   how much of the result was read
//	abandoned               true if the result was neither read to its end nor closed
//
// The first three are absent if the call had one wait: it is as long as the span.
//
// An abandoned result is reported when the garbage collector finds it. Rows that database/sql still
// references are reported after ten minutes without a read.
//
// Waits close to each other are joined into one span, to keep the number of spans small. The span
// also covers the work between them. The tag wait.joined_us counts this work, and package gap
// subtracts it again. It stays below 100 µs or 1 % of the call, whichever is more, unless the call
// has more than 32 waits (see [WithMaxWaits]).
//
// A server's span covers the handler. The handler's waits for its client are children of this span,
// with the suffix " read" for reading the request and " write" for writing the response. Later ones
// have the suffix " read wait" or " write wait".
package gaptrace
