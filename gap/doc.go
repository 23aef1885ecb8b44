// Package gap finds the time inside a span that none of its children covers.
//
// It is pure: spans in, gaps out. It reads no file, no network and no clock, and imports nothing
// but the standard library. [Build] indexes the spans of one trace, [Trace.Gaps] tells their gaps.
//
// # Definition
//
// A gap is a maximal stretch of a span's time that none of its blocking direct children covers.
// A span is blocked on a child that
//
//   - names it by a ChildOf reference: the first one to a span of the trace decides, whatever
//     FollowsFrom references stand beside it;
//   - is not a consumer below a producer;
//   - is not detached, that is, does not start when the span is already over.
//
// A child is clipped to its parent before it is subtracted. One that ends after its parent is flagged
// ([Node.Outlives]), one that contains its parent leaves no gap, one of no length covers nothing.
// Children that overlap are subtracted once. Only a direct child is subtracted, never a grandchild, even
// one that outlives its own parent.
//
// A child that only FollowsFrom a span is attached to it, to be drawn, and is not subtracted.
//
// # What a gap is
//
// The kind of the span says whose time its gaps are, see [Class]:
//
//   - server, internal, producer and consumer: [ClassSelf], the program's own, and so a candidate for CPU;
//   - client with a server child: [ClassWire], spent between the two processes;
//   - client without: [ClassRemote]. It has no children and is one gap; or it has some, such as the HTTP
//     call below an Elasticsearch call, and what they leave uncovered is still a call its caller was
//     blocked on.
//
// Wire and Remote are never CPU.
//
// # Joined time
//
// A wrapped call is a span and, for each time its result kept the caller waiting again, one more: a
// child of the same parent that FollowsFrom the call. To draw fewer, close waits are joined into one, and
// the work of the parent which that hid is counted in the call's tag wait.joined_us. It may lie in
// any of the call's spans. Here it is given back: beside its uncovered stretches a span has one [Gap]
// per such child, for which [Gap.Joined] is true. They never hold more than the call and its waits cover, nor all
// of them together more than all these cover.
//
// # The critical path
//
// A gap matters as far as the root could not have ended without it. [Trace.CriticalPath] walks back from a root's end: at
// any moment the path is in the child that ends just then, failing that in one that goes on, up to this moment, failing
// that in the span itself. Only children that a span is blocked on count. The pieces tile the root exactly, and those of a span lie
// inside its gaps: [Gap.CriticalTime] says how much of a gap is on the path, and [Worst] ranks gaps by it.
//
// A [Summary] adds up many traces by service and operation, with histograms of durations and of self time. Traces may be
// dropped when they have been added, and summaries of parts be merged.
//
// # Clocks
//
// Two machines have two clocks. A child of another machine that does not fit into its parent is moved into the middle of it, and
// with it all below it by the same clock, as Jaeger does; a warning tells by how much, and [WithMaxSkew] bounds it or turns
// it off. Spans whose backend says that it has moved them already are left where they are.
//
// # Time
//
// Times are integer nanoseconds, intervals are half-open: a child that ends where the next one starts
// leaves nothing between them, and one that starts where its parent ends is detached, unless it has no length
// itself. A negative duration counts as zero. A span of no length has no gap.
//
// # Broken traces
//
// Nothing that a span can hold makes Build fail: what it had to mend or drop it says in a [Warning].
// A missing parent makes a root that is [Node.Incomplete], a cycle is cut where its first span starts, a
// duplicate is dropped, and a client and a server span that share an id, as Zipkin's do, become parent and
// child. The result does not depend on the order of the spans. Everything is iterative and takes O(n log n):
// a chain of a million spans is ordinary input.
//
// # Where this differs
//
// The rules are those of Jaeger and of CRISP where these agree with the definition. Two differences show: both
// walk a critical path over the children that finish last, and call what is left self time, so of two
// children that overlap they lose one, and time that was covered is blamed on the parent. And
// Jaeger's UI subtracts a child that FollowsFrom, unless it is a consumer's below a producer.
package gap
