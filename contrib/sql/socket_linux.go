package gapsql

import (
	"net"
	"syscall"
	"unsafe"
)

// socket tells whether a connection's socket has received something. The zero value is ready to
// use, by one goroutine.
type socket struct {
	conn syscall.RawConn
	ask  func(fd uintptr) // passed to conn.Control; a field, so that it is allocated once

	received []byte // argument of ask
	has      bool   // result of ask
}

// hasRest reports whether the kernel has the rest of the packet that begins with received. It
// returns false for TLS. It neither blocks nor takes any data. All calls must be for the same conn.
func (s *socket) hasRest(conn net.Conn, received []byte) bool {
	if s.conn == nil {
		var err error
		switch c := conn.(type) {
		case *net.TCPConn:
			s.conn, err = c.SyscallConn()
		case *net.UnixConn:
			s.conn, err = c.SyscallConn()
		default:
			return false
		}
		if err != nil {
			s.conn = nil
			return false
		}
		s.ask = func(fd uintptr) { s.has = hasRest(int(fd), s.received) }
	}
	s.received, s.has = received, false
	err := s.conn.Control(s.ask)
	s.received = nil
	return err == nil && s.has
}

// hasRest asks for the number of readable bytes. If the packet's header is incomplete, it peeks at
// the rest of the header to learn the packet's length.
func hasRest(fd int, received []byte) bool {
	var available int32
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCINQ, uintptr(unsafe.Pointer(&available)))
	if errno != 0 || available <= 0 {
		return false
	}
	if len(received) < packetHeader {
		var header [packetHeader]byte
		n := copy(header[:], received)
		peeked, _, err := syscall.Recvfrom(fd, header[n:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != nil || n+peeked < packetHeader {
			return false
		}
		length, known := packetLength(header[:])
		return known && length-n <= int(available)
	}
	length, known := packetLength(received)
	return known && length-len(received) <= int(available)
}
