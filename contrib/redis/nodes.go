package gapredis

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/gaptrace/gaptrace/wrap"
	"github.com/go-redis/redis/v8"
)

// This file reaches the nodes of a cluster and the shards of a ring through unexported fields of
// go-redis, under go-redis's own lock. It checks each field's name and type first. If one differs,
// as in an unknown version, it does not change the nodes. docs/design/redis.md says why this is
// needed.

// hookNodes makes a cluster's nodes record the commands that are sent to them directly, as by
// Watch, ForEachShard and MasterForKey. go-redis makes a node's client when it first needs the
// node, by the NewClient of its options. The caller may use these options for another client, so
// the nodes get a copy of them with another NewClient. The nodes' lock makes this safe even if a
// clone of client is in use.
func (h *hook) hookNodes(client reflect.Value) {
	nodes, mu := lockedStruct(client, "nodes")
	if mu == nil {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	opt := unexported[*redis.ClusterOptions](nodes, "opt")
	if opt == nil || *opt == nil || (*opt).NewClient == nil {
		return
	}
	h.inflight.nodes = nodes.Addr().UnsafePointer()
	options := **opt
	newClient := options.NewClient
	options.NewClient = func(opt *redis.Options) *redis.Client { return h.hookNode(newClient(opt)) }
	*opt = &options
	h.hookSentinels(client)
}

// hooking is held while a node gets its hook: the NewClient of two clusters may return the same
// client.
var hooking sync.Mutex

// hookNode returns node with a hook of this package, or a copy of it if node is in use.
func (h *hook) hookNode(node *redis.Client) *redis.Client {
	hooking.Lock()
	defer hooking.Unlock()
	if node == nil || hasHook(node) {
		return node
	}
	if stats := node.PoolStats(); stats.Hits+stats.Misses > 0 { // in use: AddHook would race
		return h.hookedCopy(node)
	}
	node.AddHook(h.nodeHookOf(node))
	return node
}

// hookSentinels records the requests of a NewFailoverClusterClient to its sentinels, unless they
// are part of a command. A function in the client's options makes these requests. hookSentinels
// replaces it, which is safe since go-redis made the options for this client alone.
func (h *hook) hookSentinels(client reflect.Value) {
	holder := reflect.Indirect(client).FieldByName("state")
	if holder.Kind() != reflect.Pointer || holder.IsNil() || holder.Elem().Kind() != reflect.Struct {
		return
	}
	state := unexported[atomic.Value](holder.Elem(), "state")
	opt := unexported[*redis.ClusterOptions](reflect.Indirect(client), "opt")
	if state == nil || state.Load() != nil || opt == nil { // in use already, or an unknown version
		return
	}
	ask := (*opt).ClusterSlots
	if h.replaced != nil && h.replaced.askSentinels != nil {
		ask = h.replaced.askSentinels
	}
	const maker = "go-redis/redis/v8.NewFailoverClusterClient."
	if ask == nil || !strings.Contains(runtime.FuncForPC(reflect.ValueOf(ask).Pointer()).Name(), maker) {
		return
	}
	h.askSentinels = ask
	sentinels := h.nodeHook()
	(*opt).ClusterSlots = func(ctx context.Context) (slots []redis.ClusterSlot, err error) {
		if !sentinels.mayRecord(ctx) {
			return ask(ctx)
		}
		err = run(ctx, h.wrapper, "sentinel", redis.NewCmd(ctx, "sentinel"), nil, func(ctx context.Context) error {
			slots, err = ask(ctx)
			return err
		})
		return slots, err
	}
}

// hookShards is hookNodes for a ring. A ring's shards exist already, and its heartbeat may be using
// their clients. So hookShards replaces them by copies, which share the connections.
func (h *hook) hookShards(client reflect.Value) {
	shards, mu := lockedStruct(client, "shards")
	if mu == nil {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	list, byName := settable(shards, "list"), settable(shards, "shards")
	if list.Kind() != reflect.Slice || byName.Kind() != reflect.Map || list.Type().Elem() != byName.Type().Elem() {
		return
	}
	h.inflight.nodes = shards.Addr().UnsafePointer()
	newList, newByName := reflect.MakeSlice(list.Type(), 0, list.Len()), reflect.MakeMap(byName.Type())
	for each := byName.MapRange(); each.Next(); {
		shard := h.hookedShard(each.Value())
		newList = reflect.Append(newList, shard)
		newByName.SetMapIndex(each.Key(), shard)
	}
	list.Set(newList)
	byName.Set(newByName)
}

// hookedShard returns a copy of a *ringShard whose client has a hook. It returns shard itself if
// that is not possible, or if the client has a hook already.
func (h *hook) hookedShard(shard reflect.Value) reflect.Value {
	if shard.Kind() != reflect.Pointer || shard.IsNil() {
		return shard
	}
	client, down := unexported[*redis.Client](shard.Elem(), "Client"), unexported[int32](shard.Elem(), "down")
	if client == nil || *client == nil || down == nil || shard.Elem().NumField() != 2 || hasHook(*client) {
		return shard
	}
	hooked := reflect.New(shard.Type().Elem())
	*unexported[*redis.Client](hooked.Elem(), "Client") = h.hookedCopy(*client)
	*unexported[int32](hooked.Elem(), "down") = atomic.LoadInt32(down)
	return hooked
}

// hookedCopy returns a copy of node that has a hook and shares node's connections.
func (h *hook) hookedCopy(node *redis.Client) *redis.Client {
	node = node.WithContext(node.Context())
	node.AddHook(h.nodeHookOf(node))
	return node
}

func (h *hook) nodeHookOf(node *redis.Client) *hook {
	n := h.nodeHook()
	n.setServer(node.Options())
	return n
}

// nodeHook returns a hook whose calls without a parent are not counted: it cannot know cheaply
// whether such a command is go-redis's own.
func (h *hook) nodeHook() *hook {
	return &hook{wrapper: wrap.New("", h.opts...), opts: h.opts, woven: h.woven, whole: h}
}

// lockedStruct returns the struct that client's field name points to, and the struct's lock. mu is
// nil if there is no such field or lock.
func lockedStruct(client reflect.Value, name string) (s reflect.Value, mu *sync.RWMutex) {
	if client = reflect.Indirect(client); client.Kind() != reflect.Struct {
		return s, nil
	}
	field, found := client.Type().FieldByName(name)
	if !found {
		return s, nil
	}
	s, err := client.FieldByIndexErr(field.Index) // an error for a zero client, which embeds a nil pointer
	if err != nil || s.Kind() != reflect.Pointer || s.IsNil() || s.Elem().Kind() != reflect.Struct {
		return s, nil
	}
	return s.Elem(), unexported[sync.RWMutex](s.Elem(), "mu")
}

// unexported returns the address of a field of s, or nil if s has no field of that name and type.
func unexported[T any](s reflect.Value, name string) *T {
	field := settable(s, name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		return nil
	}
	return field.Addr().Interface().(*T)
}

// settable returns a field of s as if it were exported, or the zero Value if s has no field of that
// name.
func settable(s reflect.Value, name string) reflect.Value {
	field := s.FieldByName(name)
	if !field.CanAddr() {
		return reflect.Value{}
	}
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}

// nodesKey is the context key of the innermost call of any cluster or ring.
type nodesKey struct{}

// isInternal reports whether h is a node's hook, and go-redis itself sends the command to the node.
// Either the command is part of a call of the cluster or ring, or it runs in the background, where
// nobody waits for it.
func (h *hook) isInternal(ctx context.Context) bool {
	if h.whole == nil {
		return false
	}
	outer, _ := ctx.Value(nodesKey{}).(*callContext)
	return outer != nil && outer.owner.nodes == h.whole.inflight.nodes ||
		spanutil.IsDropped(ctx) || // no span either way, and cheaper than a look at the stack
		callerKind() >= usesNode
}
