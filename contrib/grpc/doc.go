// Package grpc draws the calls of gRPC.
package grpc
