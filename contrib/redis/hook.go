package gapredis

import (
	"context"
	"reflect"
	"slices"
	"strconv"

	"github.com/gaptrace/gaptrace"
	redacted "github.com/gaptrace/gaptrace/internal/redact/redis"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go/ext"
)

const component = "go-redis"

var redisType = spanutil.NewText("redis")

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
	h := &hook{wrapper: spanutil.NewClient(component, opts), replaced: woven}
	switch c := any(client).(type) {
	case interface{ Options() *redis.Options }:
		h.setServer(c.Options())
	case interface{ Options() *redis.ClusterOptions }:
		h.hookNodes(reflect.ValueOf(client))
	case interface{ Options() *redis.RingOptions }:
		h.instance = spanutil.NewText(strconv.Itoa(c.Options().DB))
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
	return &hook{wrapper: spanutil.NewClient(component, opts)}
}

type hook struct {
	wrapper           *spanutil.Wrapper
	instance, address spanutil.Text // the tags db.instance and peer.address, or none
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
	h.instance = spanutil.NewText(strconv.Itoa(opt.DB))
	if opt.Addr != failoverAddr {
		h.address = spanutil.NewText(opt.Addr)
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
		if h := (*hook)(added.Elem().UnsafePointer()); h.wrapper.Options.Woven {
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
		return ok && other.wrapper.Options.Woven == woven
	}
	if h.wrapper.Options.Woven && slices.ContainsFunc(hooks, func(added redis.Hook) bool { return ours(added, false) }) {
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
	var known *redacted.Command
	call := h.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
		known = commandOf(cmd)
		return gaptrace.Call{Component: component, Operation: known.Operation, Request: cmd}
	})
	if call == nil {
		return ctx, nil
	}
	if call.Sampled() {
		h.tagServer(call)
		var buf [128]byte
		call.Statement(string(known.AppendTo(buf[:0], cmd.Args())))
	}
	return h.inflight.add(openWithPhases(ctx, h.wrapper, call), cmd, nil, call), nil
}

func (h *hook) AfterProcess(_ context.Context, cmd redis.Cmder) error {
	if !hashable(cmd) {
		return nil
	}
	call := h.inflight.remove(cmd)
	defer h.release(call)
	if call.Answered(spanutil.Uncounted) { // ends the wait before WithExpected runs
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
	call := h.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
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
	return h.inflight.add(openWithPhases(ctx, h.wrapper, call), &cmds[0], cmds, call), nil
}

func (h *hook) AfterProcessPipeline(_ context.Context, cmds []redis.Cmder) error {
	if len(cmds) == 0 {
		return nil
	}
	call := h.inflight.remove(&cmds[0])
	defer h.release(call)
	if !call.Answered(spanutil.Uncounted) {
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
func (h *hook) release(call *spanutil.Call) {
	if !h.wrapper.Options.Phases {
		call.Release()
	}
}

// mayRecord reports whether a call under ctx may have a span. With a nil ctx it may not: go-redis
// decides what to do with it.
func (h *hook) mayRecord(ctx context.Context) bool {
	if ctx != nil && h.wrapper.MayRecord(ctx) {
		return !h.isInternal(ctx)
	}
	if h.whole == nil { // a node's hook cannot know cheaply whether the command is go-redis's own
		h.wrapper.NoParent()
	}
	return false
}

// openWithPhases starts call's span, and returns the context for the rest of the call. With
// [gaptrace.WithPhases], the context logs what happens inside the call.
func openWithPhases(ctx context.Context, w *spanutil.Wrapper, call *spanutil.Call) context.Context {
	ctx = call.Open(ctx)
	if w.Options.Phases && call.Sampled() {
		ctx = withPhases(ctx, call)
	}
	return ctx
}

func (h *hook) tagServer(call *spanutil.Call) {
	call.TagText(string(ext.DBType), redisType)
	call.TagText(string(ext.DBInstance), h.instance)
	call.TagText(string(ext.PeerAddress), h.address)
}

// failAll records the failures of cmds on call, and the name of the first command that failed. It
// returns how many failed.
func failAll(call *spanutil.Call, cmds []redis.Cmder) (failed int) {
	for _, cmd := range cmds {
		err := failureOf(cmd)
		if err == nil {
			continue
		}
		if failed == 0 {
			call.Tag("redis.failed", commandOf(cmd).Name)
		}
		failed++
		call.Fail(err)
	}
	return failed
}
