package gapredis

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/wrap"
	"github.com/gaptrace/gaptrace/wrap/redact"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go/ext"
)

const component = "go-redis"

var redisType any = "redis" // boxed once for the tags of all spans

// Wrap adds a hook to client that records its commands, and returns client itself. A client is a
// *redis.Client, *redis.ClusterClient, *redis.Ring, *redis.SentinelClient, *redis.Conn, *redis.Tx
// or redis.UniversalClient. Wrap panics if client is nil.
//
// Wrap a client before it is used, since AddHook is not safe while commands run. Wrap it after all
// other hooks are added: the work of a hook that is added later counts as waiting.
//
// If client already has a hook of this package, Wrap does nothing: the first options stay. The Tx
// of a wrapped client has such a hook.
//
// Wrap also wraps the nodes of a ClusterClient and the shards of a Ring, for the commands that are
// sent to them directly. If a struct of yours embeds a redis.UniversalClient, wrap the embedded
// client instead of the struct: Wrap would find neither its nodes nor its hooks.
func Wrap[C interface{ AddHook(redis.Hook) }](client C, opts ...gaptrace.Option) C {
	if v := reflect.ValueOf(client); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		panic("gapredis.Wrap: client is nil")
	}
	byHand, woven := hooksOf(client)
	if byHand != nil {
		return client
	}
	h := newHook(opts)
	h.replaced = woven
	switch c := any(client).(type) {
	case interface{ Options() *redis.Options }:
		h.setServer(c.Options())
	case interface{ Options() *redis.ClusterOptions }:
		h.hookNodes(reflect.ValueOf(client))
	case interface{ Options() *redis.RingOptions }:
		h.instance = strconv.Itoa(c.Options().DB)
		h.hookShards(reflect.ValueOf(client))
	}
	client.AddHook(h)
	return client
}

// NewHook returns a hook for a client's AddHook, for code that cannot call [Wrap]. The hook does
// not know its client, so its spans lack the tags db.instance and peer.address. It does not reach
// the nodes of a ClusterClient or the shards of a Ring.
//
// One hook may serve several clients. If it is added twice to a client, or to a cluster and to its
// nodes, it still records each command and each pipeline once.
func NewHook(opts ...gaptrace.Option) redis.Hook {
	return newHook(opts)
}

func newHook(opts []gaptrace.Option) *hook {
	return &hook{wrapper: wrap.New(component, opts...), opts: opts, woven: options.NewConfig(opts...).Woven}
}

type hook struct {
	wrapper           *wrap.Wrapper
	opts              []gaptrace.Option // of wrapper
	woven             bool              // the hook was woven in by gaptrace build
	phases            atomic.Bool       // gaptrace.WithPhases is set; known after the first sampled call
	instance, address any               // the tags db.instance and peer.address, or nil
	inflight          inflight
	whole             *hook // of a node's hook: the hook of its cluster or ring; otherwise nil
	replaced          *hook // the woven hook that the client had before, or nil

	// go-redis's own function for a NewFailoverClusterClient; see hookSentinels.
	askSentinels func(context.Context) ([]redis.ClusterSlot, error)
}

// failoverAddr stands in for the address in the options of a redis.NewFailoverClient, which asks
// its sentinels for the real one.
const failoverAddr = "FailoverClient"

func (h *hook) setServer(opt *redis.Options) {
	h.instance = strconv.Itoa(opt.DB)
	if opt.Addr != failoverAddr {
		h.address = opt.Addr
	}
}

// hooksOf returns the hooks of this package that client has: one that was added by hand, and one
// that gaptrace build has woven in. go-redis has no method for this, but all clients of v8 keep
// their hooks in the same unexported field.
func hooksOf(client any) (byHand, woven *hook) {
	v := reflect.Indirect(reflect.ValueOf(client))
	for range 2 { // client.hooks.hooks
		if v.Kind() != reflect.Struct {
			return nil, nil
		}
		v = v.FieldByName("hooks")
	}
	if v.Kind() != reflect.Slice {
		return nil, nil
	}
	for i := range v.Len() {
		added := v.Index(i)
		if added.Kind() != reflect.Interface || added.Elem().Type() != reflect.TypeFor[*hook]() {
			continue
		}
		if h := (*hook)(added.Elem().UnsafePointer()); h.woven {
			woven = h
		} else {
			byHand = h
		}
	}
	return byHand, woven
}

// hasHook reports whether client has a hook of this package that stays if another one is added.
func hasHook(client any) bool {
	byHand, _ := hooksOf(client)
	return byHand != nil
}

// JoinHooks returns a client's hooks with h. Package weave/redis calls it when h is added. A client
// has at most one woven hook, and none next to one by hand. A hook of a cluster's node replaces the
// hook that the node got as a client.
func (h *hook) JoinHooks(hooks []redis.Hook) []redis.Hook {
	ours := func(added redis.Hook, woven bool) bool {
		other, ok := added.(*hook)
		return ok && other.woven == woven
	}
	if h.woven && slices.ContainsFunc(hooks, func(added redis.Hook) bool { return ours(added, false) }) {
		return hooks
	}
	// A clone: copies of the client share the array.
	kept := slices.DeleteFunc(slices.Clone(hooks), func(added redis.Hook) bool { return ours(added, true) })
	return append(kept, h)
}

func (h *hook) BeforeProcess(ctx context.Context, cmd redis.Cmder) (context.Context, error) {
	if !hashable(cmd) || h.inflight.enterNested(cmd) || !h.mayRecord(ctx) {
		return ctx, nil
	}
	var known redact.Command
	call := h.wrapper.Start(ctx, func() gaptrace.Call {
		known = commandOf(cmd)
		return gaptrace.Call{Component: component, Operation: known.Operation(), Request: cmd}
	})
	if call == nil {
		return ctx, nil
	}
	if call.Sampled() {
		h.tagServer(call)
		var buf [128]byte
		call.Statement(string(known.AppendTo(buf[:0], cmd.Args())))
	}
	return h.inflight.add(h.open(ctx, call), cmd, nil, call), nil
}

func (h *hook) AfterProcess(_ context.Context, cmd redis.Cmder) error {
	if !hashable(cmd) {
		return nil
	}
	call := h.inflight.remove(cmd)
	defer h.release(call)
	if call.Answered("") { // ends the wait before WithExpected runs
		call.Finish(failureOf(cmd))
	}
	return nil
}

func (h *hook) BeforeProcessPipeline(ctx context.Context, cmds []redis.Cmder) (context.Context, error) {
	if len(cmds) == 0 || h.inflight.enterNested(&cmds[0]) || !h.mayRecord(ctx) {
		return ctx, nil
	}
	queued, tx := unwrapMultiExec(cmds)
	if h.inflight.isPart(ctx, queued) {
		return ctx, nil
	}
	operation := "redis pipeline"
	if tx {
		operation = "redis tx"
	}
	call := h.wrapper.Start(ctx, func() gaptrace.Call {
		return gaptrace.Call{Component: component, Operation: operation, Request: cmds}
	})
	if call == nil {
		return ctx, nil
	}
	if call.Sampled() {
		h.tagServer(call)
		call.Tag("redis.commands", len(queued))
		var buf [1024]byte
		call.Statement(string(appendCommands(buf[:0], queued)))
	}
	return h.inflight.add(h.open(ctx, call), &cmds[0], cmds, call), nil
}

func (h *hook) AfterProcessPipeline(_ context.Context, cmds []redis.Cmder) error {
	if len(cmds) == 0 {
		return nil
	}
	call := h.inflight.remove(&cmds[0])
	defer h.release(call)
	if !call.Answered("") {
		return nil
	}
	// After a redirection, another node may be running the same commands right now. To read their
	// errors would be a data race.
	if callerKind() == runsNodePart {
		call.Finish(nil)
		return nil
	}
	queued, tx := unwrapMultiExec(cmds)
	failed := failAll(call, queued)
	if failed == 0 && tx { // the server refused EXEC itself
		failed = failAll(call, []redis.Cmder{cmds[len(cmds)-1], cmds[0]})
	}
	if failed > 0 {
		call.Tag("redis.errors", failed)
	}
	call.Finish(nil)
	return nil
}

// release lets another call use the memory of a finished one, unless the hooks of WithPhases keep
// it.
func (h *hook) release(call *wrap.Call) {
	if !h.phases.Load() {
		call.Release()
	}
}

// mayRecord reports whether a call under ctx may have a span. With a nil ctx it may not: go-redis
// decides what to do with it.
func (h *hook) mayRecord(ctx context.Context) bool {
	return h.wrapper.MayRecord(ctx) && ctx != nil && !h.isInternal(ctx)
}

// open starts call's span, and returns the context for the rest of the call.
func (h *hook) open(ctx context.Context, call *wrap.Call) context.Context {
	ctx, phases := openWithPhases(ctx, call)
	if phases && !h.phases.Load() {
		h.phases.Store(true)
	}
	return ctx
}

// openWithPhases starts call's span, and returns the context for the rest of the call. With
// [gaptrace.WithPhases], the context logs what happens inside the call, and phases is true.
func openWithPhases(ctx context.Context, call *wrap.Call) (with context.Context, phases bool) {
	with, phases = call.Phases(call.Open(ctx))
	if phases {
		with = &phasesContext{Context: with, call: call}
	}
	return with, phases
}

func (h *hook) tagServer(call *wrap.Call) {
	call.Tag(string(ext.DBType), redisType)
	if h.instance != nil {
		call.Tag(string(ext.DBInstance), h.instance)
	}
	if h.address != nil {
		call.Tag(string(ext.PeerAddress), h.address)
	}
}

// failAll records the failures of cmds on call, and the name of the first command that failed. It
// returns how many failed.
func failAll(call *wrap.Call, cmds []redis.Cmder) (failed int) {
	for _, cmd := range cmds {
		err := failureOf(cmd)
		if err == nil {
			continue
		}
		if failed == 0 {
			call.Tag("redis.failed", commandOf(cmd).Name())
		}
		failed++
		call.Fail(err)
	}
	return failed
}
