package gapsql

// This file uses package unsafe to read private fields of go-sql-driver/mysql. It writes none. The
// only other use here is in socket_linux.go, for the argument of a system call.
//
// Why: most rows are in the driver's buffer when Next is called. Such a Next is no wait, however
// long it takes, so it needs no clock. Two clock readings cost as much as the rest of a short row.
//
// What is checked: findBuffer looks each field up by reflection, by its name and type, in the very
// type that the program is linked with. Reading a T at the offset of a field of type T is what the
// compiler does for rows.field. The driver writes these fields only in calls of the connection and
// its rows, and database/sql makes those one at a time.
//
// What happens if the check fails, for example after an update or with another driver: findBuffer
// returns nil, and each Next is measured by the clock. A test fails if the check does for the
// release in go.mod; .ci/full runs it with the latest release, too.

import (
	"database/sql/driver"
	"net"
	"reflect"
	"sync"
	"unsafe"
)

// rowBuffer tells whether the next row of a query has come. The zero value never knows.
type rowBuffer struct {
	fields *bufferFields
	rows   unsafe.Pointer // the driver's
	missed int            // packets that were not in the driver's buffer
	socket socket         // of their connection
}

// maxMeasured is how many packets missing from the driver's buffer are measured by the clock before
// hasRow asks the socket. In a short result, the clock is cheaper. In a long one, hundreds of reads
// take more than 20 µs although their data is in the socket. Counted as waits, they would be
// joined, and the joined spans would cover the program's work between them.
const maxMeasured = 16

// bufferFields are the offsets of fields of the driver's rows and of their connection.
type bufferFields struct {
	conn     uintptr // of rows.mc: the connection, nil after the last row
	received uintptr // of conn.buf.buf
	first    uintptr // of conn.buf.idx: where the unused part of buf.buf begins
	length   uintptr // of conn.buf.length: how long it is; 0: all of buf.buf is unused
	compress uintptr // of conn.compress: whether what is received is compressed; 0: never
	netConn  uintptr // of conn.netConn; 0: not known
}

var knownBuffers sync.Map // *bufferFields, or nil, by the reflect.Type of the rows

func rowBufferOf(rows driver.Rows) (b rowBuffer) {
	v := reflect.ValueOf(rows)
	fields, ok := knownBuffers.Load(v.Type())
	if !ok {
		fields = findBuffer(v.Type())
		knownBuffers.Store(v.Type(), fields)
	}
	if f := fields.(*bufferFields); f != nil {
		b.fields, b.rows = f, v.UnsafePointer()
	}
	return b
}

// findBuffer returns nil unless rows is a type of go-sql-driver/mysql with all fields as expected.
func findBuffer(rows reflect.Type) *bufferFields {
	if rows.Kind() != reflect.Pointer || rows.Elem().PkgPath() != "github.com/go-sql-driver/mysql" {
		return nil
	}
	return fieldsOf(rows.Elem())
}

// fieldsOf returns nil if a field is missing or of another type. Three fields may be missing: idx,
// compress and netConn.
func fieldsOf(rows reflect.Type) *bufferFields {
	conn, at, ok := field(rows, "mc")
	if !ok || conn.Kind() != reflect.Pointer {
		return nil
	}
	f := &bufferFields{conn: at}
	buffer, inConn, ok := field(conn.Elem(), "buf")
	if !ok {
		return nil
	}
	bytes, at, ok := field(buffer, "buf")
	if !ok || bytes != reflect.TypeFor[[]byte]() {
		return nil
	}
	f.received = inConn + at
	if first, at, ok := field(buffer, "idx"); ok { // before release 1.9
		length, lengthAt, ok := field(buffer, "length")
		if !ok || first.Kind() != reflect.Int || length.Kind() != reflect.Int {
			return nil
		}
		f.first, f.length = inConn+at, inConn+lengthAt
	}
	if compress, at, ok := field(conn.Elem(), "compress"); ok { // since release 1.9
		if compress.Kind() != reflect.Bool {
			return nil
		}
		f.compress = at
	}
	if netConn, at, ok := field(conn.Elem(), "netConn"); ok && netConn == reflect.TypeFor[net.Conn]() {
		f.netConn = at
	}
	return f
}

// field returns the type and offset of a field of a struct, or of one that it embeds.
func field(of reflect.Type, name string) (t reflect.Type, offset uintptr, ok bool) {
	if of.Kind() != reflect.Struct {
		return nil, 0, false
	}
	f, ok := of.FieldByName(name)
	if !ok {
		return nil, 0, false
	}
	for _, i := range f.Index {
		if of.Kind() != reflect.Struct { // an embedded pointer
			return nil, 0, false
		}
		offset += of.Field(i).Offset
		of = of.Field(i).Type
	}
	return of, offset, true
}

// MySQL's packets begin with their length, in three bytes, and a number. A packet of maxPacket
// bytes goes on in the next one.
const (
	packetHeader = 4
	maxPacket    = 1<<24 - 1
)

// hasRow reports whether the packet of the next row has come, so that the driver need not wait for
// it. Most packets are in the driver's buffer. Of others, the socket may have the rest. False may
// mean that it is not known.
func (b *rowBuffer) hasRow() bool {
	f := b.fields
	if f == nil {
		return false
	}
	conn := *(*unsafe.Pointer)(unsafe.Add(b.rows, f.conn))
	if conn == nil || f.compress != 0 && *(*bool)(unsafe.Add(conn, f.compress)) {
		return false
	}
	unused := *(*[]byte)(unsafe.Add(conn, f.received))
	if f.length != 0 {
		first, n := *(*int)(unsafe.Add(conn, f.first)), *(*int)(unsafe.Add(conn, f.length))
		if first < 0 || n < 0 || n > len(unused)-first {
			return false
		}
		unused = unused[first : first+n]
	}
	if n, known := packetLength(unused); known && n <= len(unused) {
		return true
	}
	b.missed++
	return b.missed > maxMeasured && f.netConn != 0 && b.socket.hasRest(*(*net.Conn)(unsafe.Add(conn, f.netConn)), unused)
}

// packetLength returns the length of the packet that begins with received, with its header. It is
// not known if the header has not been received, or if another packet continues this one.
func packetLength(received []byte) (n int, known bool) {
	if len(received) < packetHeader {
		return 0, false
	}
	n = int(received[0]) | int(received[1])<<8 | int(received[2])<<16
	return packetHeader + n, n < maxPacket
}
