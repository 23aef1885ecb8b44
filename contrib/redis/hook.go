package gapredis

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace"
	redacted "github.com/gaptrace/gaptrace/internal/redact/redis"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go/ext"
)

const component = "go-redis"

// Wrap adds a hook to client that records its commands, and returns client. A client is a
// *redis.Client, *redis.ClusterClient, *redis.Ring, *redis.SentinelClient, *redis.Conn, *redis.Tx
// or redis.UniversalClient. Wrap also wraps the nodes of a ClusterClient and the shards of a Ring,
// to record commands that are sent to them directly, as by Watch and ForEachShard.
//
// AddHook is not safe while commands run, so wrap a client before it is used. A client that already
// has a hook of this package is returned unchanged, and keeps its options: a command is one span.
// The Tx of a wrapped client is such a client. Wrap sees neither nodes nor hooks in a struct that
// embeds a redis.UniversalClient: wrap the client first. Wrap panics if client is nil.
func Wrap[C interface{ AddHook(redis.Hook) }](client C, opts ...gaptrace.Option) C {
	if v := reflect.ValueOf(client); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		panic("gapredis.Wrap: client is nil")
	}
	if hasHook(client) {
		return client
	}
	h := newHook(opts)
	switch c := any(client).(type) {
	case interface{ Options() *redis.Options }:
		h.describes(c.Options())
	case interface{ Options() *redis.ClusterOptions }:
		h.reachNodes(reflect.ValueOf(client))
	case interface{ Options() *redis.RingOptions }:
		h.instance = strconv.Itoa(c.Options().DB)
		h.reachShards(reflect.ValueOf(client))
	}
	client.AddHook(h)
	return client
}

func (h *hook) describes(opt *redis.Options) {
	h.instance = strconv.Itoa(opt.DB)
	if opt.Addr != failover {
		h.address = opt.Addr
	}
}

// hasHook reports whether client has a hook of this package. go-redis does not tell what was added; but it keeps hooks in
// a field of that name in all its clients, and v8 changes no more. Where that is not so there is none.
func hasHook(client any) bool {
	v := reflect.Indirect(reflect.ValueOf(client))
	for range 2 { // the field hooks of the client, of type hooks, and its field hooks
		if v.Kind() != reflect.Struct {
			return false
		}
		v = v.FieldByName("hooks")
	}
	if v.Kind() != reflect.Slice {
		return false
	}
	for i := range v.Len() {
		if added := v.Index(i); added.Kind() == reflect.Interface && added.Elem().Type() == reflect.TypeFor[*hook]() {
			return true
		}
	}
	return false
}

// failover stands where redis.NewFailoverClient has no address to give: its sentinels know the master's.
const failover = "FailoverClient"

// NewHook returns a hook for a client's AddHook, for code that cannot call [Wrap]. It does not know
// the client, so its spans lack the tags db.instance and peer.address, and it does not reach the
// nodes of a ClusterClient or Ring. One hook may serve several clients; Wrap returns such clients
// unchanged. If a hook is added twice to a client, or to a cluster and to its nodes, each command
// and each pipeline is still recorded once.
func NewHook(opts ...gaptrace.Option) redis.Hook { return newHook(opts) }

func newHook(opts []gaptrace.Option) *hook {
	return &hook{wrapper: spanutil.New(opts)}
}

type hook struct {
	wrapper           *spanutil.Wrapper
	instance, address any // tags, or nil; made interfaces once and not at every call
	calls             calls
	of                *hook // the hook of the cluster or ring, if this is a node's; otherwise nil
}

func (h *hook) BeforeProcess(ctx context.Context, cmd redis.Cmder) (context.Context, error) {
	if !hashable(cmd) || h.calls.nested(cmd) {
		return ctx, nil
	}
	if !h.mayRecord(ctx) {
		return ctx, nil
	}
	var what *redacted.Command
	call := h.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
		what = commandOf(cmd)
		return gaptrace.Call{Component: component, Operation: what.Operation, Request: cmd}
	})
	if call == nil {
		return ctx, nil
	}
	if call.Sampled() {
		h.describe(call)
		var buf [128]byte
		call.Statement(string(what.AppendTo(buf[:0], cmd.Args())))
	}
	return h.calls.hold(begun(ctx, h.wrapper, call), cmd, nil, call), nil
}

func (h *hook) AfterProcess(_ context.Context, cmd redis.Cmder) error {
	if !hashable(cmd) {
		return nil
	}
	call := h.calls.take(cmd)
	if call.Answered(spanutil.Uncounted) { // the wait is over: what WithExpected takes is none
		call.Finish(failure(cmd))
	}
	return nil
}

func (h *hook) BeforeProcessPipeline(ctx context.Context, cmds []redis.Cmder) (context.Context, error) {
	if len(cmds) == 0 || h.calls.nested(&cmds[0]) {
		return ctx, nil
	}
	if !h.mayRecord(ctx) {
		return ctx, nil
	}
	queued, tx := unwrapMultiExec(cmds)
	if h.calls.havePart(ctx, queued) {
		return ctx, nil
	}
	call := h.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
		operation := "redis pipeline"
		if tx {
			operation = "redis tx"
		}
		return gaptrace.Call{Component: component, Operation: operation, Request: cmds}
	})
	if call == nil {
		return ctx, nil
	}
	if call.Sampled() {
		h.describe(call)
		call.Tag("redis.commands", len(queued))
		var buf [1024]byte
		call.Statement(string(appendCommands(buf[:0], queued)))
	}
	return h.calls.hold(begun(ctx, h.wrapper, call), &cmds[0], cmds, call), nil
}

func (h *hook) AfterProcessPipeline(_ context.Context, cmds []redis.Cmder) error {
	if len(cmds) == 0 {
		return nil
	}
	call := h.calls.take(&cmds[0])
	if !call.Answered(spanutil.Uncounted) {
		return nil
	}
	// A cluster that follows a redirection may be running the same commands on another node right
	// now.
	if calledBy() == sharesNode {
		call.Finish(nil)
		return nil
	}
	queued, tx := unwrapMultiExec(cmds)
	failed := fail(call, queued)
	if failed == 0 && tx { // EXEC itself was refused
		failed = fail(call, []redis.Cmder{cmds[len(cmds)-1], cmds[0]})
	}
	if failed > 0 {
		call.Tag("redis.errors", failed)
	}
	call.Finish(nil)
	return nil
}

// mayRecord reports whether commands under ctx may need a span. A nil ctx is left to go-redis.
func (h *hook) mayRecord(ctx context.Context) bool {
	return ctx != nil && h.wrapper.MayRecord(ctx) && !h.covered(ctx)
}

// begun opens call. What it returns is for the rest of the call.
func begun(ctx context.Context, w *spanutil.Wrapper, call *spanutil.Call) context.Context {
	ctx = call.Open(ctx)
	if w.Options.Phases && call.Sampled() {
		ctx = withPhases(ctx, call)
	}
	return ctx
}

func (h *hook) describe(call *spanutil.Call) {
	call.Tag(string(ext.DBType), "redis")
	if h.instance != nil {
		call.Tag(string(ext.DBInstance), h.instance)
	}
	if h.address != nil {
		call.Tag(string(ext.PeerAddress), h.address)
	}
}

// unwrapMultiExec gives the commands of a transaction without the MULTI and EXEC that go-redis
// puts around them, and whether cmds was one.
func unwrapMultiExec(cmds []redis.Cmder) (queued []redis.Cmder, tx bool) {
	last := len(cmds) - 1
	if last < 1 || !redacted.IsWord(arg(cmds[0], 0), "multi") || !redacted.IsWord(arg(cmds[last], 0), "exec") {
		return cmds, false
	}
	return cmds[1:last], true
}

// fail gives call the failures of cmds, names the first, and returns how many there are.
func fail(call *spanutil.Call, cmds []redis.Cmder) (failed int) {
	for _, cmd := range cmds {
		err := failure(cmd)
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

// failure is what cmd failed with, if it did: an answer that says "nothing there" or "somebody
// was faster" is none.
func failure(cmd redis.Cmder) error {
	err := cmd.Err()
	if err == nil || errors.Is(err, redis.Nil) || errors.Is(err, redis.TxFailedErr) {
		return nil
	}
	return reworded(err, commandOf(cmd).CodeOnly)
}

// reworded is err without what go-redis and the server repeat of arguments and answers.
func reworded(err error, codeOnly bool) error {
	if answer := redis.Error(nil); errors.As(err, &answer) {
		return spanutil.Redacted(err, func(text string) string { return redacted.ServerError(text, codeOnly) })
	}
	return spanutil.Redacted(err, func(text string) string {
		number := (*strconv.NumError)(nil)
		if strings.HasPrefix(text, "redis: ") || errors.As(err, &number) {
			return redacted.Unquoted(text) // go-redis quotes an answer that it cannot read
		}
		return text
	})
}
