package script

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// MySQL is a server with the part of MySQL's protocol that a driver needs to send a query without
// arguments and to read its rows. A query is a script, "SELECT 3000*10,250*1": each piece is a
// number of rows. It accepts any user.
type MySQL struct {
	listener net.Listener
	serving  sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

// ServeMySQL starts a server on a free port.
func ServeMySQL() (*MySQL, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &MySQL{listener: listener, conns: map[net.Conn]bool{}}
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			s.serving.Go(func() {
				defer conn.Close()
				_ = (&session{conn: conn, w: bufio.NewWriterSize(conn, 1<<16)}).serve() // the client knows why
			})
		}
	})
	return s, nil
}

// Addr returns the address of the server.
func (s *MySQL) Addr() string { return s.listener.Addr().String() }

// Close stops the server and closes all connections.
func (s *MySQL) Close() {
	s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// The numbers of the protocol that are needed.
const (
	comQuit  = 0x01
	comQuery = 0x03
	comPing  = 0x0e

	// long password, protocol 4.1, transactions, secure connection, plugin authentication
	capabilities = 0x00000001 | 0x00000200 | 0x00002000 | 0x00008000 | 0x00080000

	autocommit = 0x0002
	utf8mb4    = 45
	varString  = 0xfd
)

// rowText is the value of the only column.
const rowText = "a row of some forty bytes, as many have."

type session struct {
	conn     net.Conn
	w        *bufio.Writer
	sequence byte
}

func (s *session) serve() error {
	if err := s.send(greeting()); err != nil {
		return err
	}
	if _, err := s.receive(); err != nil { // the login
		return err
	}
	if err := s.send(okay()); err != nil {
		return err
	}
	for {
		command, err := s.receive()
		switch {
		case err != nil || len(command) == 0 || command[0] == comQuit:
			return err
		case command[0] == comQuery && strings.HasPrefix(string(command[1:]), "SELECT "):
			err = s.query(strings.TrimPrefix(string(command[1:]), "SELECT "))
		case command[0] == comQuery || command[0] == comPing:
			err = s.send(okay())
		default:
			err = errors.New("script: unknown command")
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) query(text string) error {
	script, err := Parse(text)
	if err != nil {
		return err
	}
	// The wait before the first row belongs to the query: the client gets the columns after it.
	time.Sleep(script[0].After)
	script[0].After = 0
	s.packet([]byte{1}) // columns
	s.packet(column("row"))
	s.packet(end())
	row := short(rowText)
	err = script.play(func(rows int) error {
		for range rows {
			s.packet(row)
		}
		return s.w.Flush()
	})
	if err != nil {
		return err
	}
	return s.send(end())
}

// packet queues a packet. send queues one and sends all.
func (s *session) packet(payload []byte) {
	head := [4]byte{byte(len(payload)), byte(len(payload) >> 8), byte(len(payload) >> 16), s.sequence}
	s.sequence++
	s.w.Write(head[:]) // Flush has the error
	s.w.Write(payload)
}

func (s *session) send(payload []byte) error {
	s.packet(payload)
	return s.w.Flush()
}

func (s *session) receive() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(s.conn, head[:]); err != nil {
		return nil, err
	}
	s.sequence = head[3] + 1
	payload := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	_, err := io.ReadFull(s.conn, payload)
	return payload, err
}

func greeting() []byte {
	p := append([]byte{10}, "8.0.0-script\x00"...)
	p = binary.LittleEndian.AppendUint32(p, 1) // the connection ID
	p = append(p, "12345678\x00"...)           // the first half of a challenge that is never checked
	p = binary.LittleEndian.AppendUint16(p, capabilities&0xffff)
	p = append(p, utf8mb4)
	p = binary.LittleEndian.AppendUint16(p, autocommit)
	p = binary.LittleEndian.AppendUint16(p, capabilities>>16)
	p = append(p, 21)
	p = append(p, make([]byte, 10)...)
	p = append(p, "123456789012\x00"...)
	return append(p, "mysql_native_password\x00"...)
}

func okay() []byte { return []byte{0, 0, 0, autocommit, 0, 0, 0} }

func end() []byte { return []byte{0xfe, 0, 0, autocommit, 0} }

// column encodes the description of a text column, in a table without a name.
func column(name string) []byte {
	var p []byte
	for _, field := range []string{"def", "", "", "", name, name} {
		p = append(p, short(field)...)
	}
	p = append(p, 0x0c)
	p = binary.LittleEndian.AppendUint16(p, utf8mb4)
	p = binary.LittleEndian.AppendUint32(p, 1024)
	return append(p, varString, 0, 0, 0, 0, 0)
}

// short encodes text of less than 251 bytes with its length.
func short(text string) []byte { return append([]byte{byte(len(text))}, text...) }
