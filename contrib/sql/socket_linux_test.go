package gapsql

import (
	"database/sql/driver"
	"math"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
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

// In a long result, a row that is in the socket has come, although the driver must still read it.
func TestRowsInTheSocket(t *testing.T) {
	// Each row misses the driver's buffer, and all of them fit into the socket's.
	d := &dribble{rows: slices.Repeat([]string{strings.Repeat("x", 2100)}, maxMeasured+6), most: math.MaxInt32}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		server, err := listener.Accept()
		if err != nil {
			return
		}
		defer server.Close()
		d.open()
		for buf := make([]byte, 4096); ; {
			if _, err := server.Write(d.answer); err != nil {
				return
			}
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			_, _ = d.Write(buf[:n])
		}
	}()
	cfg := mysql.NewConfig()
	cfg.Addr = listener.Addr().String()
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.(driver.QueryerContext).QueryContext(t.Context(), "SELECT", nil)
	if err != nil {
		t.Fatal(err)
	}
	buffer := rowBufferOf(rows)
	for i := range d.rows {
		missed := buffer.missed
		has := buffer.hasRow()
		inBuffer := buffer.missed == missed
		want := inBuffer || missed >= maxMeasured // then the socket is asked
		for until := time.Now().Add(10 * time.Second); want && !has && time.Now().Before(until); has = buffer.hasRow() {
			time.Sleep(time.Millisecond) // the server may still be writing
		}
		if has != want {
			t.Fatalf("row %d, after %d that were missed: has come: %t", i, missed, has)
		}
		if err := rows.Next(make([]driver.Value, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if buffer.missed <= maxMeasured {
		t.Errorf("only %d rows missed the driver's buffer", buffer.missed)
	}
}
