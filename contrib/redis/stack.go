package gapredis

import (
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// kind is what a function on the stack does. A hook learns from it what go-redis is doing: there is
// no other sign. If there are several such functions, the highest kind counts.
type kind uint8

const (
	foreign      kind = iota // not of go-redis
	neutral                  // of go-redis, but of no kind below
	sleeps                   // waits before a retry
	innerDone                // is the Done of a phasesContext, of a call inside
	usesNode                 // sends to a node, in the background or as part of a cluster's or ring's call
	runsNodePart             // runs a node's part of a ClusterClient's pipeline
)

// kindOf returns the kind of the function with that name.
func kindOf(name string) kind {
	if strings.HasSuffix(name, "(*phasesContext).Done") {
		return innerDone
	}
	_, name, ok := strings.Cut(name, "go-redis/redis/v8")
	if !ok {
		return foreign
	}
	switch name {
	case "/internal.Sleep":
		return sleeps
	case ".(*ClusterClient)._processPipelineNode", ".(*ClusterClient)._processTxPipelineNode":
		return runsNodePart
	case ".(*ClusterClient).process", ".(*ClusterClient).cmdsInfo", ".(*clusterNode).updateLatency",
		".(*Ring).process", ".(*Ring).processShardPipeline", ".(*Ring).cmdsInfo", ".(*ringShards).Heartbeat":
		return usesNode
	}
	switch {
	case strings.HasPrefix(name, ".(*clusterStateHolder).LazyReload.func"):
		return usesNode
	case strings.HasPrefix(name, "."):
		return neutral
	}
	return foreign
}

// kinds caches the kind of a function by its return address. To ask the runtime for the function's
// name takes longer, and may allocate.
var kinds struct {
	known atomic.Pointer[map[uintptr]kind]
	mu    sync.Mutex
}

// maxKinds bounds the cache. It also holds the callers of go-redis, which may be many.
const maxKinds = 1000

// kindAt returns the kind of the function with that return address.
func kindAt(pc uintptr) kind {
	var known map[uintptr]kind
	if p := kinds.known.Load(); p != nil {
		known = *p
	}
	k, ok := known[pc]
	if ok {
		return k
	}
	k = kindOf(runtime.FuncForPC(pc - 1).Name())
	if len(known) >= maxKinds {
		return k
	}
	kinds.mu.Lock()
	defer kinds.mu.Unlock()
	more := map[uintptr]kind{pc: k}
	if p := kinds.known.Load(); p != nil {
		maps.Copy(more, *p)
	}
	kinds.known.Store(&more)
	return k
}

// callerKind returns the highest kind among the functions of go-redis that led to a method of the
// hook.
func callerKind() (highest kind) {
	var pcs [12]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] { // 3: the caller of callerKind's caller
		k := kindAt(pc)
		if k == foreign && highest != foreign { // the code that called go-redis
			break
		}
		highest = max(highest, k)
	}
	return highest
}
