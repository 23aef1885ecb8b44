package gapredis

import (
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// function is a kind of function on the stack. A hook learns from it what go-redis is doing, since
// go-redis does not say so otherwise. Of several, the highest kind counts.
type function uint8

const (
	foreign        function = iota // not of go-redis
	neutral                        // of go-redis, but of no kind below
	sleeps                         // waits before a retry
	callsOuterDone                 // Done of a phasesContext
	usesNode                       // sends to a node, in the background or as part of a cluster's or ring's call
	runsNodePart                   // runs a node's part of a ClusterClient's pipeline
)

func functionOf(name string) function {
	if strings.HasSuffix(name, "(*phasesContext).Done") {
		return callsOuterDone
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

// functions caches the kind of a function by its return address. To ask the runtime for its name
// takes longer, and may allocate.
var functions struct {
	known atomic.Pointer[map[uintptr]function]
	mu    sync.Mutex
}

// maxFunctions bounds the cache. It also holds the callers of go-redis, which may be many.
const maxFunctions = 1000

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

// caller returns the highest kind among the functions of go-redis that led to a method of the hook.
func caller() (highest function) {
	var pcs [12]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] { // 3: the caller of the hook's method
		f := functionAt(pc)
		if f == foreign && highest != foreign { // the code that called go-redis
			break
		}
		highest = max(highest, f)
	}
	return highest
}
