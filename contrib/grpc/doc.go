// Package gapgrpc draws gRPC calls, client and server, unary and streaming, as OpenTracing spans. A client's spans cover exactly
// the time its caller was blocked, in every RecvMsg and SendMsg of a stream; a server's span is the frame in which the
// gaps are the handler's own time.
//
//	import gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
//
//	conn, err := grpc.NewClient(target, append(gapgrpc.DialOptions(), creds)...)
//	server := grpc.NewServer(gapgrpc.ServerOptions()...)
//
// # Spans
//
//	span                  what it covers
//	/pkg.Service/Method   client: a unary call, name resolution, connection and retries included; of a stream, NewStream
//	/pkg.Service/Method wait
//	                      client: a later wait of a stream, in RecvMsg, SendMsg, Header or CloseSend
//	/pkg.Service/Method   server: the handler
//	/pkg.Service/Method read
//	                      server: the handler of a stream blocked in RecvMsg
//	/pkg.Service/Method write
//	                      server: the handler of a stream blocked in SendMsg or SendHeader
//
// A method that only a grpc.UnknownServiceHandler knows is named "grpc OTHER": it is a stranger's to choose. So is, as grpc
// tells no difference, a stream of a service that was registered with a nil implementation.
//
// # Tags
//
//	component             grpc
//	span.kind             client or server
//	grpc.code             the status, by name: OK, NotFound, … A stream that was abandoned has none.
//	peer.address          who answers, or who calls. None of a call that reached no server, or a stream that no answer came to.
//	messages              of a client's stream: how many came; of a server's wait: how many it read or wrote
//	request_messages      of a stream on which the client may send several: how many it sent, or the handler read
//	response_messages     server, of a stream on which it may send several: how many it sent
//	grpc.method           server: of "grpc OTHER", as the client sent it
//	guid:x-request-id     server: the x-request-id in the metadata, where there is one
//	wait.*, abandoned     see package gaptrace
//
// Messages and metadata are never recorded. The Request of a gaptrace.Call is the request's message where the call is
// unary, and for a stream the *grpc.StreamDesc of a client and the *grpc.StreamServerInfo of a server.
//
// # Failures
//
// A client's call has failed with every status but OK, and but Canceled where its caller's context was cancelled. A
// server's has failed with those that are its own fault: Unknown, DeadlineExceeded, Unimplemented, Internal, Unavailable
// and DataLoss, and with a panic of its handler, which is drawn as Unknown. Where the client fails to send or to take what a
// stream's handler reads or writes, its header included, the span of that wait has the error.
//
// An error whose own status is OK is drawn as Unknown on a client, where only an interceptor can have made it. On a server it
// is drawn as its client sees it: as Internal, where one answer was due and none was sent, and else as OK.
//
// # Streams
//
// A client's stream ends, and its spans are reported, when RecvMsg returns an error (io.EOF is the good end), when the one
// answer of a stream that has one came, when SendMsg returns an error that is not io.EOF, when Header returns none, and when
// grpc itself ends it: with the context it was made with, when the time is over that a service config allows, and by
// ClientConn.Close; whatever comes first. CloseSend ends nothing. A stream that is never read to its end, whose context
// never ends, is reported by the garbage collector, as abandoned; grpc itself loses memory by it. Where grpc ends a stream
// that nobody is waiting for, the hooks of options run in a goroutine of their own. grpc tells of it by its option OnFinish,
// which is added before the caller's own: where an interceptor inside of ours answers for grpc, or passes no options on,
// RecvMsg or the collector tells. So it is where the service config's time is over before such an interceptor has returned,
// and where it is xDS that allows the time.
//
// # Metadata
//
// A recorded call goes out with its span's context in the metadata, in lower case, in place of values of the same keys that the
// caller may be forwarding, and without those of other formats that a tracer such as package tracer's knows to hold no more; a
// call that is not recorded goes out as it is. What grpc would refuse or drop is left out, and the caller's values of that key
// with it. A server reads the first value of each key, and all of traceparent and tracestate, for which the standard has rules.
//
// # Health checks
//
// The health service and reflection draw nothing on a server, whoever handles them, unless the client's metadata has the ids of
// a trace, or asks for one by jaeger-debug-id, or gaptrace.WithRoots is given. Ids that are malformed, baggage, or a decision
// to sample without ids are no trace.
//
// # Limits
//
// Interceptors see calls, not attempts: a call that grpc retries is one span. They are told nothing of what happens
// inside, so gaptrace.WithPhases adds nothing. A server's unary request has been read when its span begins, and the answer is
// sent when it has ended; of a stream, the same is true of what grpc still has in its buffers. A message that SendMsg
// hands to a buffer is sent later, and nobody waits for it.
//
// Encoding, decoding and compressing are done inside SendMsg and RecvMsg, and covered where the whole took longer than a
// buffered read does. What interceptors inside of ours do is covered, and what those outside do is not. One that makes
// several attempts of a unary call at once belongs outside: each tells who answered it, by grpc.Peer, and attempts that go on
// after the call has returned would do so while that is read. Those of a stream are one record, and do not end it, but for
// one that runs out of the service config's time, or whose Header returned none, while nobody waits for another.
package gapgrpc
