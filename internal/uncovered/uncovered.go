// Package uncovered collects what the wrappers of this process do not cover: calls without a parent
// span, and linked client libraries of which no client was wrapped. Package spanutil reports to it.
// The tracer and the debug page read it.
package uncovered

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gaptrace/gaptrace/internal/clients"
)

const (
	sampleEvery   = 1024 // calls
	maxStacks     = 16   // of a component
	maxDepth      = 32   // frames of a stack
	maxComponents = 64
)

// Component counts what the wrappers of a component do not cover. It is safe for use by several
// goroutines.
type Component struct {
	name             string
	clients, servers atomic.Bool // one was wrapped

	calls atomic.Int64 // without a parent

	mu     sync.Mutex // guards all below
	taken  [maxDepth]uintptr
	stacks [maxStacks]stack
	n      int // of stacks
}

// stack is where calls without a parent came from.
type stack struct {
	pcs     [maxDepth]uintptr
	depth   int
	samples int
}

var components struct {
	mu  sync.Mutex
	all map[string]*Component
}

// Client records that a client was wrapped, and returns its component.
func Client(component string) *Component {
	c := find(component)
	c.clients.Store(true)
	return c
}

// Server records that a server was wrapped. Then its library may be linked without using a client.
func Server(component string) { find(component).servers.Store(true) }

// find returns the Component of a name. Names beyond the first 64 share one.
func find(name string) *Component {
	components.mu.Lock()
	defer components.mu.Unlock()
	c := components.all[name]
	if c == nil && len(components.all) >= maxComponents-1 {
		name = "other"
		c = components.all[name]
	}
	if c == nil {
		if components.all == nil {
			components.all = map[string]*Component{}
		}
		c = &Component{name: name}
		components.all[name] = c
	}
	return c
}

// NoParent counts a call that was not recorded since it had no parent span. It keeps the stack of
// one call in 1,024. It does not allocate. If c is nil, it does nothing.
func (c *Component) NoParent() {
	if c != nil && c.calls.Add(1)%sampleEvery == 1 {
		c.sample()
	}
}

// sample keeps the stack of NoParent's caller. It does nothing if another goroutine is in sample,
// so that no call waits. If there are too many stacks, it replaces the one with the fewest samples.
func (c *Component) sample() {
	if !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	depth := runtime.Callers(3, c.taken[:])
	least := 0
	for i := range c.stacks[:c.n] {
		s := &c.stacks[i]
		if slices.Equal(s.pcs[:s.depth], c.taken[:depth]) {
			s.samples++
			return
		}
		if s.samples < c.stacks[least].samples {
			least = i
		}
	}
	if c.n < maxStacks {
		least = c.n
		c.n++
	}
	c.stacks[least] = stack{c.taken, depth, 1}
}

// Calls are the calls of a component that had no parent span.
type Calls struct {
	Component string
	Count     int64
	Sites     []Site // some of the places that they came from, the one with most samples first
}

// Site is a line of the program that calls a client.
type Site struct {
	Function string // with its import path
	File     string // with its folder
	Line     int
	Samples  int // one in 1,024 calls
}

// NoParent returns the calls without a parent, ordered by component. Components without such calls
// are left out.
func NoParent() (all []Calls) {
	for _, c := range known() {
		if n := c.calls.Load(); n > 0 {
			all = append(all, Calls{c.name, n, c.sites()})
		}
	}
	return all
}

// known returns all components, ordered by name.
func known() []*Component {
	components.mu.Lock()
	defer components.mu.Unlock()
	return slices.SortedFunc(maps.Values(components.all), func(a, b *Component) int { return strings.Compare(a.name, b.name) })
}

func (c *Component) sites() (sites []Site) {
	c.mu.Lock()
	stacks := slices.Clone(c.stacks[:c.n])
	c.mu.Unlock()
	for i := range stacks {
		s := &stacks[i]
		site := siteOf(s.pcs[:s.depth])
		at := slices.IndexFunc(sites, func(o Site) bool { return o.File == site.File && o.Line == site.Line })
		if at < 0 {
			sites = append(sites, site)
			at = len(sites) - 1
		}
		sites[at].Samples += s.samples
	}
	slices.SortStableFunc(sites, func(a, b Site) int {
		return cmp.Or(cmp.Compare(b.Samples, a.Samples), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return sites
}

// siteOf returns the innermost frame of the program's own code. If the stack has none, as in a
// library's goroutine, it returns the outermost frame.
func siteOf(pcs []uintptr) (site Site) {
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		pkg := clients.PackageOf(f.Function)
		if pkg != "runtime" {
			site = Site{Function: f.Function, File: f.File, Line: f.Line}
			if !clients.IsStandard(pkg) && !clients.IsGaptrace(pkg) && clients.ByFunction(f.Function) == nil {
				return site
			}
		}
		if !more {
			return site
		}
	}
}
