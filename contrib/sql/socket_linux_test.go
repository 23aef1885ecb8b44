package gapsql

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// peeked waits until conn has received n bytes, and leaves them there.
func peeked(t *testing.T, conn *net.TCPConn, n int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, n+1)
	err = raw.Read(func(fd uintptr) bool {
		got, _, _ := syscall.Recvfrom(int(fd), buf, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return got == n
	})
	if n > 0 && err != nil {
		t.Fatal(err)
	}
}

// The socket has the rest of a packet if and only if all of its bytes have come.
func TestSocketHasRest(t *testing.T) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	packet := append([]byte{20, 0, 0, 1}, make([]byte, 20)...)
	for inBuffer := range packet {
		for inSocket := 0; inSocket <= len(packet)-inBuffer; inSocket++ {
			client, err := net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))
			if err != nil {
				t.Fatal(err)
			}
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := server.Write(packet[inBuffer : inBuffer+inSocket]); err != nil {
				t.Fatal(err)
			}
			if inSocket > 0 {
				peeked(t, client, inSocket)
			}
			var s socket
			want := inBuffer+inSocket == len(packet)
			for range 2 { // the question changes nothing
				if got := s.hasRest(client, packet[:inBuffer]); got != want {
					t.Fatalf("%d bytes in the buffer and %d in the socket, of %d: %t", inBuffer, inSocket, len(packet), got)
				}
			}
			client.Close()
			if s.hasRest(client, packet[:inBuffer]) {
				t.Fatal("a closed socket has the rest")
			}
			server.Close()
		}
	}
}

func TestSocketOfAnotherConnection(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	if new(socket).hasRest(client, nil) {
		t.Error("a pipe has a packet")
	}
}
