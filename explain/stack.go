package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/clients"
	"golang.org/x/exp/trace"
)

// place is what matters of a stack.
type place struct {
	user    gap.Frame // the first frame of the program, from the inside
	call    string    // the innermost function, without those of the runtime
	client  string    // the client library that the program called, or ""
	wrapper string    // the package that wraps it, or else one that it calls; or ""
	rule    string    // of gaptrace vet, or ""
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
		pkg := clients.PackageOf(f.Func)
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
		if l := libraryOf(f.Func); l != nil {
			p.use(l)
		} else if i >= inside && !clients.IsStandard(pkg) && !clients.IsGaptrace(pkg) {
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
// the program called. If it has no wrapper, as sqlx, the wrapper of an inner one covers it.
func (p *place) use(l *clients.Library) {
	better := p.wrapper == mysqlWrapper && l.Path == "database/sql" // a wrapper than that of database/sql
	p.client, p.rule = l.Path, l.Rule
	if l.Wrapper != "" && !better {
		p.wrapper = l.Wrapper
	}
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

const mysqlWrapper = clients.Gaptrace + "/contrib/sql/mysql"

// network has the functions by which a program itself uses the network. No wrapper covers them.
var network = []clients.Library{
	{Path: "net.Resolver", Functions: []string{"net.(*Resolver)."}},
	{Path: "net.Dialer", Functions: []string{"net.(*Dialer)."}},
	{Path: "net", Functions: []string{"net."}},
	{Path: "crypto/tls", Functions: []string{"crypto/tls."}},
}

// libraryOf returns the client library that a function belongs to, or nil.
func libraryOf(function string) *clients.Library {
	for i := range network {
		if strings.HasPrefix(function, network[i].Functions[0]) {
			return &network[i]
		}
	}
	return clients.ByFunction(function)
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
