// Package grpc records the calls of grpc in a program that gaptrace build has built, as package
// contrib/grpc does. It covers every client and server. One with the interceptors of contrib/grpc
// is recorded by those alone.
//
// The woven client's interceptors are the innermost, and the woven server's the outermost.
package grpc
