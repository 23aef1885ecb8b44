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

	"github.com/gaptrace/gaptrace/wrap"
	"github.com/go-redis/redis/v8"
)

// inflight holds a hook's calls between Before and After, the hook's methods. The key is the
// command, or the address of a pipeline's first command. A context cannot hold the calls: After
// gets that of the hook that was added last, which may have replaced ours.
//
//	         add                     remove
//	Before --------> in flight --------------------> After: the call is finished
//	                 |       |
//	                 |       +- Before of the same key: nested, until its own After
//	                 |
//	                 +- a panic or Goexit unwinds go-redis, no After comes: lost finishes the call
//
// Without a panic or Goexit, go-redis calls After once for each Before, with the same command.
type inflight struct {
	running atomic.Int64   // len(calls), readable without the lock
	nodes   unsafe.Pointer // go-redis's struct with the client's nodes or shards, or nil

	mu     sync.Mutex
	calls  map[any]inflightCall
	group  weak.Pointer[group] // the group that new calls join
	groups uint64              // number of groups so far
}

type inflightCall struct {
	call   *wrap.Call
	nested int    // how many more Befores have seen the command; each has its own After
	group  uint64 // id of its group
}

// group is a set of calls whose loss is noticed together. Only the contexts of its calls refer to
// it, so it becomes garbage after the last of them. If any of its calls are still in flight then,
// they are lost. A cleanup for each call would cost more than all other work of the hook.
type group struct {
	id   uint64
	size int
	_    *byte // without a pointer, Go's tiny allocator could keep the group alive with its neighbors
}

// maxGroup is how many calls share a group. The loss of a call is noticed after the others ended.
const maxGroup = 32

// callContext is the context that Before returns. go-redis holds it while the call runs.
type callContext struct {
	context.Context
	owner *inflight
	group *group
	cmds  []redis.Cmder // of a pipeline; otherwise nil
}

// Value returns c for two keys. By its owner, a hook looks up its innermost call. By nodesKey, a
// node's hook looks up the call of its cluster or ring.
func (c *callContext) Value(key any) any {
	if key == any(c.owner) || c.owner.nodes != nil && key == any(nodesKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// hashable reports whether cmd can be the key of a map. A command of the caller's own type may not
// be, such as a struct that holds a slice. Such a command is not recorded.
func hashable(cmd redis.Cmder) bool {
	v := reflect.ValueOf(cmd)
	return v.Kind() == reflect.Pointer || v.Comparable()
}

// enterNested reports whether key is in flight already. If it is, one more remove must follow.
func (f *inflight) enterNested(key any) bool {
	if f.running.Load() == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.calls[key]
	if ok {
		c.nested++
		f.calls[key] = c
	}
	return ok
}

// isPart reports whether the pipeline cmds is a part of ctx's call. A cluster and a ring split a
// pipeline, and run its parts on their nodes at the same time. If a node answers a single command
// with ASK, a cluster runs that command again as a pipeline.
func (f *inflight) isPart(ctx context.Context, cmds []redis.Cmder) bool {
	outer, _ := ctx.Value(f).(*callContext)
	if outer == nil || len(cmds) == 0 {
		return false
	}
	last := cmds[len(cmds)-1] // the first may be an ASKING that go-redis added
	return hashable(last) && (slices.Contains(outer.cmds, last) || outer.cmds == nil && f.has(last))
}

func (f *inflight) has(key any) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.calls[key]
	return ok
}

// add keeps call until remove, and returns the context for go-redis to run the call with.
func (f *inflight) add(ctx context.Context, key any, cmds []redis.Cmder, call *wrap.Call) context.Context {
	outer, _ := ctx.Value(f).(*callContext)
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.group.Value()
	// f.calls refers to the command, and a command refers to the context it was made with. If
	// another hook made it, that is the context of the outer call, so this entry keeps the outer
	// call's group alive. If both calls were in that group and got lost, it would never become
	// garbage.
	if g == nil || outer != nil && g == outer.group || g.size == maxGroup {
		f.groups++
		g = &group{id: f.groups}
		f.group = weak.Make(g)
		runtime.AddCleanup(g, f.lost, g.id)
	}
	g.size++
	if f.calls == nil {
		f.calls = make(map[any]inflightCall)
	}
	f.calls[key] = inflightCall{call: call, group: g.id}
	f.running.Add(1)
	return &callContext{ctx, f, g, cmds}
}

// remove returns the call of key, which is then no longer in flight. It returns nil if there is no
// such call, or if this is the After of a nested Before.
func (f *inflight) remove(key any) *wrap.Call {
	if f.running.Load() == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.calls[key]
	switch {
	case !ok:
		return nil
	case c.nested > 0:
		c.nested--
		f.calls[key] = c
		return nil
	}
	delete(f.calls, key)
	f.running.Add(-1)
	return c.call
}

// lost finishes the calls of a group that are still in flight after the group became garbage.
func (f *inflight) lost(group uint64) {
	var calls []*wrap.Call
	f.mu.Lock()
	for key, c := range f.calls {
		if c.group == group {
			delete(f.calls, key)
			f.running.Add(-1)
			calls = append(calls, c.call)
		}
	}
	f.mu.Unlock()
	for _, call := range calls {
		go func() { // a hook may block or end the goroutine, which runs the cleanups of the whole program
			call.Tag("abandoned", true)
			call.Finish(nil)
		}()
	}
}
