package gapredis

import (
	"context"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/go-redis/redis/v8"
)

// reachNodes makes a cluster's nodes record the commands that are sent to them directly, as by
// Watch, ForEachShard and MasterForKey. go-redis makes a node's client when it first needs it, with
// the NewClient of its options. The options belong to the caller, who may make another client of
// them, so the nodes get a copy with a NewClient of ours. Holding the nodes' lock makes this safe
// even if a clone of client is in use.
func (h *hook) reachNodes(client reflect.Value) {
	nodes, mu := lockedStruct(client, "nodes")
	if mu == nil {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	opt := hidden[*redis.ClusterOptions](nodes, "opt")
	if opt == nil || *opt == nil || (*opt).NewClient == nil {
		return
	}
	h.calls.nodes = nodes.Addr().UnsafePointer()
	options := **opt
	newClient := options.NewClient
	options.NewClient = func(opt *redis.Options) *redis.Client {
		node := newClient(opt)
		hooking.Lock()
		defer hooking.Unlock()
		if node == nil || hasHook(node) {
			return node
		}
		if stats := node.PoolStats(); stats.Hits+stats.Misses > 0 { // in use: AddHook would race
			return h.recordedNode(node)
		}
		node.AddHook(h.nodeHook(node))
		return node
	}
	*opt = &options
	h.reachSentinels(client)
}

// hooking is held while a node may get its hook: the NewClient of several clusters may return the
// same client.
var hooking sync.Mutex

// reachSentinels records the requests of a NewFailoverClusterClient to its sentinels outside of a
// command, as for Watch. A function in the client's options makes these requests. Changing these
// options is safe, since go-redis made them for this client alone.
func (h *hook) reachSentinels(client reflect.Value) {
	holder := reflect.Indirect(client).FieldByName("state")
	if holder.Kind() != reflect.Pointer || holder.IsNil() || holder.Elem().Kind() != reflect.Struct {
		return
	}
	state, opt := hidden[atomic.Value](holder.Elem(), "state"), hidden[*redis.ClusterOptions](reflect.Indirect(client), "opt")
	if state == nil || state.Load() != nil || opt == nil { // in use already, or an unknown version of go-redis
		return
	}
	ask := (*opt).ClusterSlots
	if ask == nil || !strings.Contains(runtime.FuncForPC(reflect.ValueOf(ask).Pointer()).Name(), "go-redis/redis/v8.NewFailoverClusterClient.") {
		return
	}
	sentinels := &hook{wrapper: h.wrapper, of: h}
	(*opt).ClusterSlots = func(ctx context.Context) (slots []redis.ClusterSlot, err error) {
		if !sentinels.mayRecord(ctx) {
			return ask(ctx)
		}
		err = record(ctx, h.wrapper, "sentinel", redis.NewCmd(ctx, "sentinel"), nil, func(ctx context.Context) error {
			slots, err = ask(ctx)
			return err
		})
		return slots, err
	}
}

// reachShards is reachNodes for a ring. Its shards exist already, and a heartbeat may be using
// their clients. So it replaces them by copies, which share the connections.
func (h *hook) reachShards(client reflect.Value) {
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
	h.calls.nodes = shards.Addr().UnsafePointer()
	newList, newByName := reflect.MakeSlice(list.Type(), 0, list.Len()), reflect.MakeMap(byName.Type())
	for each := byName.MapRange(); each.Next(); {
		shard := h.recordedShard(each.Value())
		newList = reflect.Append(newList, shard)
		newByName.SetMapIndex(each.Key(), shard)
	}
	list.Set(newList)
	byName.Set(newByName)
}

// recordedShard returns a copy of a *ringShard whose client is recorded, or shard itself if that is
// not possible.
func (h *hook) recordedShard(shard reflect.Value) reflect.Value {
	if shard.Kind() != reflect.Pointer || shard.IsNil() {
		return shard
	}
	client, down := hidden[*redis.Client](shard.Elem(), "Client"), hidden[int32](shard.Elem(), "down")
	if client == nil || *client == nil || down == nil || shard.Elem().NumField() != 2 || hasHook(*client) {
		return shard
	}
	recorded := reflect.New(shard.Type().Elem())
	*hidden[*redis.Client](recorded.Elem(), "Client") = h.recordedNode(*client)
	*hidden[int32](recorded.Elem(), "down") = atomic.LoadInt32(down)
	return recorded
}

// recordedNode returns a copy of node that is recorded.
func (h *hook) recordedNode(node *redis.Client) *redis.Client {
	node = node.WithContext(node.Context())
	node.AddHook(h.nodeHook(node))
	return node
}

func (h *hook) nodeHook(node *redis.Client) *hook {
	of := &hook{wrapper: h.wrapper, of: h}
	of.describes(node.Options())
	return of
}

// lockedStruct returns the struct to which client's field of that name points, and the struct's
// lock. mu is nil if go-redis has no such field or lock.
func lockedStruct(client reflect.Value, name string) (of reflect.Value, mu *sync.RWMutex) {
	if client = reflect.Indirect(client); client.Kind() != reflect.Struct {
		return of, nil
	}
	field, found := client.Type().FieldByName(name)
	if !found {
		return of, nil
	}
	of, err := client.FieldByIndexErr(field.Index) // a client's zero value has no fields to promote
	if err != nil || of.Kind() != reflect.Pointer || of.IsNil() || of.Elem().Kind() != reflect.Struct {
		return of, nil
	}
	return of.Elem(), hidden[sync.RWMutex](of.Elem(), "mu")
}

// hidden returns the address of an unexported field, or nil if no field has that name and type.
func hidden[T any](of reflect.Value, name string) *T {
	field := settable(of, name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		return nil
	}
	return field.Addr().Interface().(*T)
}

// settable returns a field as if it were exported, or the zero Value if no field has that name.
func settable(of reflect.Value, name string) reflect.Value {
	field := of.FieldByName(name)
	if !field.CanAddr() {
		return reflect.Value{}
	}
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}

// nodesKey is the context key of the innermost call of a client that has nodes.
type nodesKey struct{}

// covered reports whether a command of h's node needs no span: it is part of a call of the cluster
// or ring, or runs in the background, where nobody waits for it.
func (h *hook) covered(ctx context.Context) bool {
	if h.of == nil {
		return false
	}
	outer, _ := ctx.Value(nodesKey{}).(*callContext)
	return outer != nil && outer.owner.nodes == h.of.calls.nodes ||
		spanutil.IsDropped(ctx) || // before the look at the stack, which takes long
		calledBy() >= asksNodes
}

// function is a kind of function on the stack, as a node's hook tells them apart. The higher the
// kind, the more it says.
type function uint8

const (
	foreign    function = iota // not go-redis's
	neutral                    // go-redis's, but none of these
	asksNodes                  // sends commands to a node in the background, or as part of a cluster's or ring's call
	sharesNode                 // runs a node's part of a ClusterClient's pipeline
)

func functionOf(name string) function {
	_, name, ok := strings.Cut(name, "go-redis/redis/v8.")
	switch {
	case !ok:
		return foreign
	case name == "(*ClusterClient)._processPipelineNode" || name == "(*ClusterClient)._processTxPipelineNode":
		return sharesNode
	case strings.HasPrefix(name, "(*clusterStateHolder).LazyReload.func"):
		return asksNodes
	}
	switch name {
	case "(*ClusterClient).process", "(*ClusterClient).cmdsInfo", "(*clusterNode).updateLatency",
		"(*Ring).process", "(*Ring).processShardPipeline", "(*Ring).cmdsInfo", "(*ringShards).Heartbeat":
		return asksNodes
	}
	return neutral
}

// functions caches the kind of a function by its return address. Asking the runtime for its name
// takes longer, and may allocate.
var functions struct {
	known atomic.Pointer[map[uintptr]function]
	mu    sync.Mutex
}

const maxFunctions = 1000 // bounds the cache: it holds the callers of go-redis too, which may be many

func functionAt(pc uintptr) function {
	var known map[uintptr]function
	if p := functions.known.Load(); p != nil {
		known = *p
	}
	f, ok := known[pc]
	if ok {
		return f
	}
	f = functionOf(runtime.FuncForPC(pc - 1).Name())
	if len(known) >= maxFunctions {
		return f
	}
	functions.mu.Lock()
	defer functions.mu.Unlock()
	more := map[uintptr]function{pc: f}
	if p := functions.known.Load(); p != nil {
		maps.Copy(more, *p)
	}
	functions.known.Store(&more)
	return f
}

// calledBy returns the highest kind among go-redis's functions that led to the hook.
func calledBy() (by function) {
	var pcs [12]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] { // 3: the caller of the hook's method
		f := functionAt(pc)
		if f == foreign && by != foreign { // the caller of go-redis
			break
		}
		by = max(by, f)
	}
	return by
}
