//go:build !linux

package gapsql

import "net"

// socket does nothing: hasRest is implemented only on Linux.
type socket struct{}

func (socket) hasRest(net.Conn, []byte) bool { return false }
