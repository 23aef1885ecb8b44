//go:build !linux

package gapsql

import "net"

// socket would tell whether a connection's socket has received something. Only Linux is supported.
type socket struct{}

func (socket) hasRest(net.Conn, []byte) bool { return false }
