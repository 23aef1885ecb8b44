package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"golang.org/x/exp/trace"
)

// place is what matters of a stack.
type place struct {
	user    gap.Frame // the first frame of the program, from the inside
	call    string    // the innermost function, without those of the runtime
	client  string    // the client library that the program called, or ""
	wrapper string    // the package that wraps it, or ""
	wait    waitKind
}

// waitKind is what a wait is for, as the stack says.
type waitKind uint8

const (
	otherWait waitKind = iota
	mutexWait
	waitGroupWait
	fileWait
	channelWait
	selectWait
	sleepWait
	networkWait
	cgoCall
)

// cause returns the cause of a wait for which the runtime gives no reason.
func (k waitKind) cause() gap.Cause {
	switch k {
	case mutexWait, waitGroupWait:
		return gap.CauseLock
	case fileWait:
		return gap.CauseSyscall
	case channelWait:
		return gap.CauseChannel
	case selectWait:
		return gap.CauseSelect
	case sleepWait:
		return gap.CauseSleep
	case networkWait:
		return gap.CauseNetwork
	}
	return gap.CauseOther
}

// placeOf finds what matters of a stack.
//
//	inside    runtime.gopark                      the runtime
//	          net/http.(*persistConn).roundTrip   a client library
//	          net/http.(*Client).Do
//	          main.price                          the program's first frame: user
//	          net/http.(*conn).serve              what called the program
//	outside
func placeOf(stack trace.Stack) (p place) {
	frames := slices.Collect(stack.Frames())
	inside := 0 // the number of frames that are not the program's: those of a driver and of database/sql
	for i, f := range frames {
		if strings.HasPrefix(f.Func, "database/sql.(") {
			inside = i + 1
		}
	}
	for i, f := range frames {
		pkg := packageOf(f.Func)
		switch {
		case isCgo(f.Func):
			p.wait = cgoCall
			p.call = cmp.Or(p.call, strings.Clone(f.Func))
			continue
		case isRuntime(pkg):
			p.seeRuntime(f.Func)
			continue
		}
		p.call = cmp.Or(p.call, strings.Clone(f.Func))
		p.see(f.Func)
		if c := clientOf(f.Func); c != nil {
			p.use(c)
		} else if i >= inside && !isStandard(pkg) && !isOurs(pkg) {
			p.user = gap.Frame{Function: strings.Clone(f.Func), File: strings.Clone(f.File), Line: int(f.Line)}
			break
		}
	}
	return p
}

// seeRuntime notes what a function of the runtime waits for.
func (p *place) seeRuntime(function string) {
	switch function {
	case "runtime.chanrecv", "runtime.chansend":
		p.wait = channelWait
	case "runtime.selectgo":
		p.wait = selectWait
	case "internal/poll.runtime_pollWait", "runtime.netpollblock":
		p.wait = networkWait
	}
}

// isCgo reports whether a function is the part of a call of C code that cgo generates.
func isCgo(function string) bool {
	return function == "runtime.cgocall" || strings.Contains(function, "._Cfunc_")
}

// see notes what a function of the standard library waits for.
func (p *place) see(function string) {
	if p.wait != otherWait && p.wait != networkWait {
		return
	}
	switch {
	case function == "time.Sleep":
		p.wait = sleepWait
	case function == "sync.(*WaitGroup).Wait":
		p.wait = waitGroupWait
	case strings.HasPrefix(function, "sync.(*Mutex)."), strings.HasPrefix(function, "sync.(*RWMutex)."),
		strings.HasPrefix(function, "sync.(*Once)."), strings.HasPrefix(function, "internal/sync.(*Mutex)."):
		p.wait = mutexWait
	case strings.HasPrefix(function, "os.(*File)."):
		p.wait = fileWait
	}
}

// use notes that the stack goes through a client library. Of several, the outermost is the one that
// the program called.
func (p *place) use(c *client) {
	if p.wrapper == mysqlWrapper && c.path == "database/sql" {
		p.client = c.path // its wrapper is better than that of database/sql
		return
	}
	p.client, p.wrapper = c.path, c.wrapper
}

// packageOf returns the import path of a function's package.
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/')
	if dot := strings.IndexByte(function[slash+1:], '.'); dot >= 0 {
		return function[:slash+1+dot]
	}
	return function
}

// isRuntime reports whether a package implements waits and system calls.
func isRuntime(pkg string) bool {
	switch pkg {
	case "runtime", "internal/poll", "internal/runtime/syscall", "internal/runtime/syscall/linux", "internal/syscall/unix",
		"runtime/internal/syscall":
		return true
	}
	return false
}

// isStandard reports whether a package is one of the standard library, or below golang.org/x/sync.
func isStandard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return standard[first] || strings.HasPrefix(pkg, "golang.org/x/sync/")
}

// standard has the first element of the import path of each package of the standard library.
var standard = func() map[string]bool {
	all := map[string]bool{}
	for name := range strings.FieldsSeq(`archive arena bufio bytes cmp compress container context crypto database debug
		embed encoding errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path
		plugin reflect regexp runtime simd slices sort strconv strings structs sync syscall testing text time unicode
		unique unsafe vendor weak`) {
		all[name] = true
	}
	return all
}()

const ours = "github.com/gaptrace/gaptrace"

// isOurs reports whether a package records spans, so that it is between the program and a client.
func isOurs(pkg string) bool {
	rest, ok := strings.CutPrefix(pkg, ours)
	return ok && (rest == "" || strings.HasPrefix(rest, "/contrib/") || strings.HasPrefix(rest, "/internal/spanutil") ||
		strings.HasPrefix(rest, "/tracer"))
}

// client is a library that the program calls, which may wait for the network.
type client struct {
	path     string
	wrapper  string   // the package that wraps it; "" if none does
	prefixes []string // of its functions
}

const mysqlWrapper = ours + "/contrib/sql/mysql"

// clients are known by their functions. Of net/http only those of clients count, and the ones with
// which a handler reads and writes: others are in the stack of every handler.
var clients = []client{
	{"net/http", ours + "/contrib/nethttp", []string{
		"net/http.(*Client)", "net/http.(*Transport)", "net/http.(*persistConn)", "net/http.(*bodyEOFSignal)",
		"net/http.(*http2Transport)", "net/http.(*http2ClientConn)", "net/http.(*http2clientStream)",
		"net/http.(*body).Read", "net/http.(*response).Write", "net/http.(*response).Flush",
	}},
	{"golang.org/x/net/http2", ours + "/contrib/nethttp", []string{"golang.org/x/net/http2."}},
	{"github.com/go-redis/redis/v8", ours + "/contrib/redis", []string{"github.com/go-redis/redis/v8"}},
	{"github.com/go-sql-driver/mysql", mysqlWrapper, []string{"github.com/go-sql-driver/mysql."}},
	{"database/sql", ours + "/contrib/sql", []string{"database/sql."}},
	{"github.com/lib/pq", ours + "/contrib/sql", []string{"github.com/lib/pq."}},
	{"github.com/elastic/go-elasticsearch/v8", ours + "/contrib/elasticsearch", []string{
		"github.com/elastic/go-elasticsearch/v8", "github.com/elastic/elastic-transport-go/v8",
	}},
	{"google.golang.org/grpc", ours + "/contrib/grpc", []string{"google.golang.org/grpc"}},
	{"github.com/redis/go-redis/v9", "", []string{"github.com/redis/go-redis/v9"}},
	{"github.com/jackc/pgx/v5", "", []string{"github.com/jackc/pgx/v5"}},
	{"go.mongodb.org/mongo-driver", "", []string{"go.mongodb.org/mongo-driver"}},
	{"github.com/twmb/franz-go", "", []string{"github.com/twmb/franz-go"}},
	{"github.com/segmentio/kafka-go", "", []string{"github.com/segmentio/kafka-go."}},
	{"github.com/IBM/sarama", "", []string{"github.com/IBM/sarama."}},
	{"net.Resolver", "", []string{"net.(*Resolver)."}},
	{"net.Dialer", "", []string{"net.(*Dialer)."}},
	{"net", "", []string{"net."}},
	{"crypto/tls", "", []string{"crypto/tls."}},
}

// clientOf returns the client library that a function belongs to, or nil.
func clientOf(function string) *client {
	for i := range clients {
		c := &clients[i]
		if slices.ContainsFunc(c.prefixes, func(prefix string) bool { return strings.HasPrefix(function, prefix) }) {
			return c
		}
	}
	return nil
}

// places interns what matters of stacks, so that a piece needs only a number.
type places struct {
	all      []place
	numbers  map[place]uint32
	ofStacks map[trace.Stack]uint32 // of the current generation, since a stack keeps its generation in memory
}

func newPlaces() *places {
	return &places{
		all: []place{{}}, numbers: map[place]uint32{{}: 0}, ofStacks: map[trace.Stack]uint32{trace.NoStack: 0},
	}
}

func (p *places) number(stack trace.Stack) uint32 {
	if stack == trace.NoStack {
		return 0
	}
	n, ok := p.ofStacks[stack]
	if !ok {
		found := placeOf(stack)
		if n, ok = p.numbers[found]; !ok {
			n = uint32(len(p.all))
			p.all = append(p.all, found)
			p.numbers[found] = n
		}
		p.ofStacks[stack] = n
	}
	return n
}

// nextGeneration forgets the stacks of a generation.
func (p *places) nextGeneration() { clear(p.ofStacks) }
