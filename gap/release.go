package gap

import "sync"

// Release lets a later call of [Build] use the memory of the trace. That saves time if a program
// builds many small traces and only adds up what it finds. After the call, do not use the trace,
// its nodes, gaps and segments, nor copies that [Trace.Explained] made. The garbage collector frees
// a trace that is not released.
func (t *Trace) Release() {
	if cap(t.nodes) > maxReused {
		return
	}
	clear(t.nodes[:cap(t.nodes)]) // or the spans would stay in memory
	clear(t.services)
	clear(t.operations)
	*t = Trace{
		nodes: t.nodes[:0], windows: t.windows[:0], services: t.services[:0], operations: t.operations[:0],
	}
	released.Put(t)
}

// released has empty traces that keep their memory.
var released = sync.Pool{New: func() any { return new(Trace) }}
