// Package gapgrpc records gRPC calls as OpenTracing spans: client and server, unary and streaming.
//
//	import gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
//
//	conn, err := grpc.NewClient(target, append(gapgrpc.DialOptions(), creds)...)
//	server := grpc.NewServer(gapgrpc.ServerOptions()...)
//
// A client's call is recorded if its context carries a span, as a handler's context does. With
// [gaptrace.WithRoots], other calls are recorded as well. The context of the client's span travels
// in the metadata. A server's span is a child of the client's span, or starts a trace.
//
// # Spans
//
// A client's spans cover exactly the time in which the caller was blocked. A server's span covers
// the handler. The time that its children do not cover is the handler's self time.
//
//	/pkg.Service/Method        client: a unary call, or the start of a stream (NewStream)
//	/pkg.Service/Method wait   client: a later wait of a stream, in RecvMsg, SendMsg, Header
//	                           or CloseSend
//	/pkg.Service/Method        server: the handler
//	/pkg.Service/Method read   server: a wait of a stream's handler in RecvMsg
//	/pkg.Service/Method write  server: a wait of a stream's handler in SendMsg or SendHeader
//
// A stream whose second message was in a buffer when the caller asked for it:
//
//	client  /shop.Books/List         |==|                           NewStream
//	        /shop.Books/List wait          |======|   |======|      first and third RecvMsg
//	server  /shop.Books/List            |===================|       the handler
//
// A client's spans include name resolution, the wait for a connection, and all retries of grpc. On
// a server, a method that only a grpc.UnknownServiceHandler handles is named "grpc OTHER", since
// the client chooses its name.
//
// # Tags
//
//	component          grpc
//	span.kind          client or server
//	grpc.code          status, by name: OK, NotFound, …; not of an abandoned stream
//	peer.address       client: the server that answered, if one did; server: the client
//	messages           client, of a stream: number of messages received;
//	                   of a span "read" or "write": number of messages read or written
//	request_messages   number of messages that the client sent, if it may send several;
//	                   on a server, number that the handler read
//	response_messages  server: number of messages sent, if it may send several
//	grpc.method        server, of "grpc OTHER": the method as the client sent it
//	guid:x-request-id  server: x-request-id of the metadata, if it has one
//	error              true if the call failed
//	wait.*, abandoned  see package gaptrace
//
// Messages and metadata are never recorded.
//
// The Request of a [gaptrace.Call] is the request message of a unary call. For a stream it is the
// client's *grpc.StreamDesc or the server's *grpc.StreamServerInfo.
//
// docs/grpc.md describes failures, the end of a stream, metadata, health checks, and what is not
// recorded.
package gapgrpc
