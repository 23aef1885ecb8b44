package script

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var some = Script{{3 * time.Millisecond, 10}, {0, 1}, {time.Millisecond, 300}}

func TestParseString(t *testing.T) {
	if got, err := Parse(some.String()); err != nil || !reflect.DeepEqual(got, some) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "1", "x*1", "1*x"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q parses as %v", text, got)
		}
	}
}

func TestMySQLSendsRows(t *testing.T) {
	server, err := ServeMySQL()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	db, err := sql.Open("mysql", "root@tcp("+server.Addr()+")/shop")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 2 { // on one connection
		rows, err := db.QueryContext(t.Context(), "SELECT "+some.String())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil || text != rowText {
				t.Errorf("%q, %v", text, err)
			}
			n++
		}
		if err := rows.Err(); n != 311 || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestHTTPSendsBody(t *testing.T) {
	script := &HTTP{Text: "[1, 2]"}
	server := httptest.NewServer(script)
	defer server.Close()
	script.Fail(1)
	for _, want := range []int{502, 200} {
		resp, err := server.Client().Get(server.URL + "?body=" + url.QueryEscape(some.String()))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || err != nil {
			t.Errorf("%d, %v", resp.StatusCode, err)
		}
		if want == 200 && (len(body) != 311 || string(body[:7]) != "[1, 2] ") {
			t.Errorf("%d bytes: %q", len(body), body)
		}
	}
}

func TestGRPCSendsMessages(t *testing.T) {
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer()
	RegisterGRPC(server)
	go server.Serve(listener)
	defer server.Stop()
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	conn, err := grpc.NewClient("passthrough:memory",
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dial))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := conn.NewStream(t.Context(), &PlayStream, PlayMethod)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(wrapperspb.String(some.String())); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		var m wrapperspb.StringValue
		if err := stream.RecvMsg(&m); err != nil {
			if i != len(some) || err != io.EOF {
				t.Errorf("%d messages, %v", i, err)
			}
			return
		}
		if len(m.GetValue()) != some[i].Size {
			t.Errorf("message %d has %d bytes", i, len(m.GetValue()))
		}
	}
}
