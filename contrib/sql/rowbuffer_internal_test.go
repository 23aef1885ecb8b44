package gapsql

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"math/rand/v2"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-sql-driver/mysql"
	"github.com/opentracing/opentracing-go"
)

// dribble is a connection to a MySQL server that answers every query with the same rows, a few
// bytes at a time.
type dribble struct {
	net.Conn
	rows    []string
	most    int // bytes of a Read
	answer  []byte
	reads   int
	written int
}

// packet appends a packet. All of the test's packets together have less than 256 numbers.
func packet(to []byte, number *byte, payload string) []byte {
	to = append(to, byte(len(payload)), byte(len(payload)>>8), byte(len(payload)>>16), *number)
	*number++
	return append(to, payload...)
}

func (d *dribble) open() {
	const capabilities = "\x00\x82\x21\x02\x00\x08\x00" // with the character set and the status in between
	d.answer = packet(nil, new(byte), "\x0a8.0.0\x00\x01\x00\x00\x00challeng\x00"+capabilities+"\x15"+
		strings.Repeat("\x00", 10)+"e of 20 byte\x00mysql_native_password\x00")
}

func (d *dribble) Write(p []byte) (int, error) {
	d.written++
	number := byte(1)
	if d.written == 1 { // the answer to the challenge
		number = 2
		d.answer = packet(nil, &number, "\x00\x00\x00\x02\x00\x00\x00")
		return len(p), nil
	}
	const end = "\xfe\x00\x00\x02\x00"
	d.answer = packet(nil, &number, "\x01")
	d.answer = packet(d.answer, &number, "\x03def\x00\x00\x00\x03row\x03row\x0c\x2d\x00\x00\x04\x00\x00\xfd\x00\x00\x00\x00\x00")
	d.answer = packet(d.answer, &number, end)
	for _, row := range d.rows {
		length := string([]byte{0xfc, byte(len(row)), byte(len(row) >> 8)})
		d.answer = packet(d.answer, &number, length+row)
	}
	d.answer = packet(d.answer, &number, end)
	return len(p), nil
}

func (d *dribble) Read(p []byte) (int, error) {
	d.reads++
	if len(d.answer) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+rand.IntN(d.most))], d.answer)
	d.answer = d.answer[n:]
	return n, nil
}

func (d *dribble) Close() error                     { return nil }
func (d *dribble) SetReadDeadline(time.Time) error  { return nil }
func (d *dribble) SetWriteDeadline(time.Time) error { return nil }
func (d *dribble) SetDeadline(time.Time) error      { return nil }

func (d *dribble) connector(t *testing.T) driver.Connector {
	d.open()
	cfg := mysql.NewConfig()
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return d, nil }
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func someRows() (rows []string) {
	for range 50 {
		rows = append(rows, strings.Repeat("x", rand.IntN(200)))
	}
	return append(rows, strings.Repeat("x", 50_000), "")
}

// A row has been received if and only if the driver then reads nothing to return it.
func TestRowBuffer(t *testing.T) {
	received := 0
	for _, most := range []int{1, 3, 100, 1000, 100_000} {
		d := &dribble{rows: someRows(), most: most}
		conn, err := d.connector(t).Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows, err := conn.(driver.QueryerContext).QueryContext(t.Context(), "SELECT", nil)
		if err != nil {
			t.Fatal(err)
		}
		buffer := rowBufferOf(rows)
		dest := make([]driver.Value, 1)
		for i := 0; ; i++ {
			has, before := buffer.hasRow(), d.reads
			if err = rows.Next(dest); err == io.EOF {
				break
			}
			if err != nil || !bytes.Equal(dest[0].([]byte), []byte(d.rows[i])) {
				t.Fatalf("row %d: %v, %v", i, dest[0], err)
			}
			if read := d.reads > before; has == read {
				t.Fatalf("row %d: has been received: %t, then a read: %t", i, has, read)
			}
			if has {
				received++
			}
		}
		if err := rows.Close(); err != nil || buffer.hasRow() {
			t.Errorf("after the end: %v, a row has been received: %t", err, buffer.hasRow())
		}
	}
	if received == 0 {
		t.Error("no row was ever received before it was read")
	}
}

// The rows that came without a wait count, too.
func TestReceivedRowsCount(t *testing.T) {
	d := &dribble{rows: someRows(), most: 1000}
	tracer := spantest.NewTracer()
	db := sql.OpenDB(Wrap(d.connector(t), gaptrace.WithTracer(tracer)))
	defer db.Close()
	ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("request"))
	rows, err := db.QueryContext(ctx, "SELECT")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if got := tracer.Only(t, "sql query").Tags["rows"]; got != int64(len(d.rows)) {
		t.Errorf("rows = %v, want %d", got, len(d.rows))
	}
}

// asExpected has the fields that fieldsOf looks for.
type asExpected = struct {
	mc *struct {
		buf struct {
			buf         []byte
			idx, length int
		}
		compress bool
	}
}

// otherRows are those of another driver, which has such fields.
type otherRows asExpected

func (*otherRows) Columns() []string           { return nil }
func (*otherRows) Close() error                { return nil }
func (r *otherRows) Next([]driver.Value) error { _ = r.mc; return io.EOF }

func TestRowBufferOfOtherTypes(t *testing.T) {
	if b := rowBufferOf(&otherRows{}); b.fields != nil || b.hasRow() {
		t.Error("the rows of another driver have a known buffer")
	}
	for _, changed := range []any{
		struct{ mc int }{},
		struct{ mc *int }{},
		struct{ mc *struct{ buf []byte } }{},
		struct {
			mc *struct{ buf struct{ buf string } }
		}{},
		struct {
			mc *struct {
				buf struct {
					buf []byte
					idx int
				}
			}
		}{},
		struct {
			mc *struct {
				buf      struct{ buf []byte }
				compress string
			}
		}{},
	} {
		if f := fieldsOf(reflect.TypeOf(changed)); f != nil {
			t.Errorf("%T: %+v", changed, f)
		}
	}
	if fieldsOf(reflect.TypeFor[asExpected]()) == nil {
		t.Error("not found in a struct that has all fields")
	}
}
