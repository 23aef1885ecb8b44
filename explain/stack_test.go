package explain

import (
	"strings"
	"testing"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/clients"
)

func TestPlaces(t *testing.T) {
	const program, ours = "example.org/shop.price", clients.Gaptrace
	for name, test := range map[string]struct {
		functions string // from the inside to the outside
		want      place
	}{
		"client in a handler": {
			"runtime.gopark runtime.selectgo net/http.(*persistConn).roundTrip net/http.(*Client).Do " + program +
				" net/http.HandlerFunc.ServeHTTP net/http.(*conn).serve",
			place{
				call: "net/http.(*persistConn).roundTrip", client: "net/http", wrapper: ours + "/contrib/nethttp", rule: "GT101",
				wait: selectWait,
			},
		},
		"the outermost client counts": {
			"internal/poll.runtime_pollWait net.(*conn).Read net/http.(*Client).Do " +
				"github.com/elastic/go-elasticsearch/v8/esapi.SearchRequest.Do " + program,
			place{
				call: "net.(*conn).Read", client: "github.com/elastic/go-elasticsearch/v8", wrapper: ours + "/contrib/elasticsearch",
				rule: "GT104", wait: networkWait,
			},
		},
		"mysql has a wrapper of its own": {
			"net.(*conn).Read github.com/go-sql-driver/mysql.(*mysqlConn).readPacket database/sql.(*DB).Query " + program,
			place{call: "net.(*conn).Read", client: "database/sql", wrapper: mysqlWrapper, rule: "GT102"},
		},
		"another driver": {
			"net.(*conn).Read example.org/driver.read database/sql.(*DB).Query " + program,
			place{call: "net.(*conn).Read", client: "database/sql", wrapper: ours + "/contrib/sql", rule: "GT102"},
		},
		"a library on top of database/sql": {
			"net.(*conn).Read github.com/go-sql-driver/mysql.(*mysqlConn).readPacket database/sql.(*DB).Query " +
				"github.com/jmoiron/sqlx.(*DB).Queryx " + program,
			place{call: "net.(*conn).Read", client: "github.com/jmoiron/sqlx", wrapper: mysqlWrapper, rule: "GT102"},
		},
		"a driver with an interface of its own": {
			"net.(*conn).Read github.com/jackc/pgx/v5/pgconn.(*PgConn).peekMessage github.com/jackc/pgx/v5.(*Conn).Query " + program,
			place{call: "net.(*conn).Read", client: "github.com/jackc/pgx/v5", rule: "GT401"},
		},
		"a library of several modules": {
			"net/http.(*Client).Do github.com/aws/smithy-go/transport/http.ClientHandler.Handle " +
				"github.com/aws/aws-sdk-go-v2/service/s3.(*Client).GetObject " + program,
			place{
				call: "net/http.(*Client).Do", client: "github.com/aws/aws-sdk-go-v2", wrapper: ours + "/contrib/nethttp",
				rule: "GT401",
			},
		},
		"a path with a dot": {
			"net.(*conn).Read github.com/nats-io/nats%2ego.(*Conn).Flush " + program,
			place{call: "net.(*conn).Read", client: "github.com/nats-io/nats.go", rule: "GT401"},
		},
		"the program's own connection": {
			"internal/poll.runtime_pollWait net.(*conn).Read " + program,
			place{call: "net.(*conn).Read", client: "net", wait: networkWait},
		},
		"a wrapper is not the program": {
			"net.(*conn).Read github.com/go-redis/redis/v8.(*Client).Process " + ours + "/contrib/redis.(*hook).Process " + program,
			place{
				call: "net.(*conn).Read", client: "github.com/go-redis/redis/v8", wrapper: ours + "/contrib/redis", rule: "GT103",
			},
		},
		"errgroup extends sync": {
			"runtime.gopark sync.runtime_SemacquireWaitGroup sync.(*WaitGroup).Wait golang.org/x/sync/errgroup.(*Group).Wait " + program,
			place{call: "sync.runtime_SemacquireWaitGroup", wait: waitGroupWait},
		},
		"cgo": {"example.org/shop._Cfunc_burn " + program, place{call: "example.org/shop._Cfunc_burn", wait: cgoCall}},
		"CPU in the standard library": {
			"encoding/json.Unmarshal " + program, place{call: "encoding/json.Unmarshal"},
		},
		"main": {"main.work main.main", place{call: "main.work"}},
	} {
		var frames []trace.StackFrame
		for function := range strings.FieldsSeq(test.functions) {
			frames = append(frames, trace.StackFrame{PC: uint64(len(frames) + 1), Func: function, File: "/src/file.go", Line: 7})
		}
		got := placeOf(trace.MakeStack(frames))
		want := test.want
		want.user = gap.Frame{Function: program, File: "/src/file.go", Line: 7}
		if name == "main" {
			want.user.Function = "main.work"
		}
		if got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
}
