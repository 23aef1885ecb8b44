// Package grpc records the calls of grpc in a program that gaptrace build has built, as package
// contrib/grpc does. It covers every client and server. One with the interceptors of contrib/grpc
// is recorded by those alone.
//
// The woven interceptors of a client are the innermost. Those of a server are the outermost, except
// for one that the program sets by grpc.UnaryInterceptor or grpc.StreamInterceptor.
package grpc
