// Package gaptrace holds the words that every wrapper of this module shares: a [Call], and the
// options that adjust what is recorded of it.
//
// A wrapper turns each network call of a client into an OpenTracing span that covers exactly the
// time in which the caller was blocked on that call. What a trace then leaves uncovered inside a
// parent span is the program's self time: package gap finds it.
//
// To wrap a client, import the package of its library:
//
//   - contrib/nethttp: net/http, client and server
//   - contrib/redis: go-redis/redis/v8
//   - contrib/sql and contrib/sql/mysql: database/sql, and go-sql-driver/mysql with its tags
//   - contrib/elasticsearch: go-elasticsearch/v8
//   - contrib/grpc: gRPC, client and server
//
// Package tracer makes a Jaeger tracer in one line. Any other opentracing.Tracer will do.
//
// # Spans and waits
//
// A call is blocked from the moment it is handed to the library until the library returns, and
// again in every Read, Next, Close or RecvMsg that goes to the network while its result is consumed.
// These are its waits. The first is the call's span. Every later one is a span of its own: a
// child of the same parent that follows from the call's span, named after it with " wait"
// behind. A Read or Next that returned within 20 µs found its data in a buffer: it was work, and
// is not covered.
//
// All spans of a call are reported together when its result has been consumed (EOF, an error or
// Close), with their true times. The call's span then carries the totals as tags:
//
//   - wait.count: how often the caller waited
//   - wait.us: for how long in all, in microseconds
//   - wait.joined_us: microseconds of the caller's own work that the spans cover because waits
//     close to each other were joined into one span (see [WithMaxWaits])
//   - bytes, rows or messages: how much came
//   - abandoned: true where the result was never closed, and the garbage collector found it
package gaptrace
