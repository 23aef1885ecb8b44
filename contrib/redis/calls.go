package gapredis

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
	"weak"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/go-redis/redis/v8"
)

// calls holds a hook's calls between Before and After, by what is being processed: a command, or
// the address of a pipeline's first. The context would be the obvious place, but After is handed
// the context of the hook added last, and that one may have replaced ours, or have returned nil
// with an error. go-redis calls After with the same command for every Before that was called,
// unless a panic or runtime.Goexit unwinds it.
type calls struct {
	running atomic.Int64   // len(held), to be read without the lock
	nodes   unsafe.Pointer // go-redis's struct with the client's nodes or shards, or nil

	mu    sync.Mutex
	held  map[any]held
	watch weak.Pointer[watch] // the latest
	count uint64              // of watches
}

type held struct {
	call   *spanutil.Call
	nested int    // how many more Befores have seen the command since
	watch  uint64 // its number
}

// watch tells when the calls whose contexts lead to it were unwound: they are held, and nobody
// holds their contexts. A cleanup for each call would cost more than all else that is done here.
type watch struct {
	number uint64
	shares int
	_      *byte // Go allocates what is small and has no pointers together, and then one watch would keep others alive
}

// maxShares is how many calls share a watch. A call that was unwound is found when the others are over, too.
const maxShares = 32

// callContext is what go-redis holds while the call runs.
type callContext struct {
	context.Context
	owner *calls
	watch *watch
	cmds  []redis.Cmder // of a pipeline
}

// Value has the innermost call's context for the owner that asks.
func (c *callContext) Value(key any) any {
	if key == any(c.owner) || c.owner.nodes != nil && key == any(nodesKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// hashable is false for a command of the caller's own type that cannot be a key of a map, such as a
// struct with a slice in it. It passes unrecorded.
func hashable(cmd redis.Cmder) bool {
	v := reflect.ValueOf(cmd)
	return v.Kind() == reflect.Pointer || v.Comparable()
}

// nested reports whether key is held already, and expects one more take for it.
func (c *calls) nested(key any) bool {
	if c.running.Load() == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h, running := c.held[key]
	if running {
		h.nested++
		c.held[key] = h
	}
	return running
}

// havePart reports whether cmds are part of the call of ctx. A cluster and a ring split a pipeline,
// and run the parts on their nodes at the same time. A cluster also runs a single command that was
// answered ASK as a pipeline.
func (c *calls) havePart(ctx context.Context, cmds []redis.Cmder) bool {
	whole, _ := ctx.Value(c).(*callContext)
	if whole == nil || len(cmds) == 0 {
		return false
	}
	last := cmds[len(cmds)-1] // the first may be ASKING, which go-redis adds
	return hashable(last) && (slices.Contains(whole.cmds, last) || whole.cmds == nil && c.holds(last))
}

func (c *calls) holds(key any) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, running := c.held[key]
	return running
}

// hold keeps call until take. The context it returns is for the rest of the call.
func (c *calls) hold(ctx context.Context, key any, cmds []redis.Cmder, call *spanutil.Call) context.Context {
	outer, _ := ctx.Value(c).(*callContext)
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.watch.Value()
	// A command knows the context it was made with. One made inside another call, as by a hook,
	// leads to that call's watch, and held here would keep it alive: it needs a later one.
	if w == nil || outer != nil && w == outer.watch || w.shares == maxShares {
		c.count++
		w = &watch{number: c.count}
		c.watch = weak.Make(w)
		runtime.AddCleanup(w, c.unwound, w.number)
	}
	w.shares++
	if c.held == nil {
		c.held = make(map[any]held)
	}
	c.held[key] = held{call: call, watch: w.number}
	c.running.Add(1)
	return &callContext{ctx, c, w, cmds}
}

// take returns the call held for key and lets it go. It is nil where there is none, or where
// this was the After of a nested Before.
func (c *calls) take(key any) *spanutil.Call {
	if c.running.Load() == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h, running := c.held[key]
	switch {
	case !running:
		return nil
	case h.nested > 0:
		h.nested--
		c.held[key] = h
		return nil
	}
	delete(c.held, key)
	c.running.Add(-1)
	return h.call
}

// unwound finishes what the watch of that number still has.
func (c *calls) unwound(number uint64) {
	var lost []*spanutil.Call
	c.mu.Lock()
	for key, h := range c.held {
		if h.watch == number {
			delete(c.held, key)
			c.running.Add(-1)
			lost = append(lost, h.call)
		}
	}
	c.mu.Unlock()
	for _, call := range lost {
		call.Tag("abandoned", true)
		call.Finish(nil)
	}
}
