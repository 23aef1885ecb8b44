package spantest

import (
	"context"
	"net"
)

// Pipes is a listener whose network is in memory, for bubbles of testing/synctest.
type Pipes chan net.Conn

// Accept waits for a call of Dial.
func (p Pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close ends Accept. Nobody may dial afterwards.
func (p Pipes) Close() error { close(p); return nil }

// Addr returns an address without meaning.
func (p Pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Dial connects to p, whatever the address.
func (p Pipes) Dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p <- theirs
	return ours, nil
}
