// Package gap finds the time inside a span that none of its children covers.
//
// Spans go in, gaps come out. The package reads no file, no network and no clock, and imports only
// the standard library. [Build] makes a [Trace] of the spans of one trace; [Trace.Gaps] yields its
// gaps.
//
// # Gaps
//
// A gap is a maximal interval of a span that none of its blocking children covers:
//
//	handler  |-------------------------------|
//	  query       |------|
//	  get                    |-----|
//	gaps     [----]      [---]     [---------]
//
// A child blocks its parent if all of these hold:
//
//   - It names the parent by a ChildOf reference. FollowsFrom references next to it change nothing.
//   - It is not a consumer whose parent is a producer.
//   - It starts before its parent ends. One that starts later is [Node.Detached].
//
// Blocking children are clipped to their parent, and children that overlap are subtracted once. A
// child that ends after its parent is flagged as [Node.Outlives]. A child that contains its parent
// leaves no gap. A child of zero length covers nothing. Only direct children count, so a grandchild
// that outlives its own parent is not subtracted.
//
// A child that only FollowsFrom a span is attached to it, so that it can be drawn. It is not
// subtracted.
//
// The self time of a span is the sum of its gaps, see [Node.SelfTime].
//
// # Classes
//
// The kind of a span says whose time its gaps are, see [Class]:
//
//   - [ClassSelf]: the span is of any kind except client. The program was at work, so this may be
//     CPU.
//   - [ClassWire]: the span is a client's, and has a server child. The time was spent between them.
//   - [ClassRemote]: the span is a client's, and has no server child. The time was spent elsewhere.
//     Such a span may have other children, for example the HTTP call inside an Elasticsearch call.
//
// Wire and remote gaps are never CPU. They do not count as self time.
//
// # Waits and joined time
//
// A wrapped call is one span, and one more for each later wait: a time when its result kept the
// caller waiting again. A later wait is a child of the same parent, and FollowsFrom the call.
//
//	handler         |---------------------------------|
//	  query            |------|
//	  query wait                  |--|       |---|
//	gaps            [--]      [---]  [-------]   [----]
//
// To record fewer spans, a wrapper joins waits that are close together. The parent's work between
// them is then covered. The wrapper counts it in the call's tag wait.joined_us. Analysis gives it
// back to the parent as one more [Gap] for each such call, for which [Gap.Joined] is true. Nobody
// knows where in the call's spans that work lies. A joined gap never holds more than the spans of
// its call cover, and the joined gaps of a parent never hold more than all these spans cover.
//
// # The critical path
//
// The critical path is what kept the root from ending sooner:
//
//	root  |-----------------------------|
//	  a        |-----------|
//	  b               |--------|
//	  c           |--|
//	path  [root][  a  ][   b   ][ root  ]
//
// [Trace.CriticalPath] walks back from the root's end. At any moment the path is in the child that
// ends just then, otherwise in a child that is still running, otherwise in the span itself. Only
// blocking children count. The segments of a root add up to its duration, and each lies inside a
// gap of its span. [Gap.CriticalTime] is the part of a gap on the path; [Worst] ranks gaps by it.
//
// # Many traces
//
// A [Summary] adds up many traces by service and operation, with histograms of durations and self
// times. A trace can be dropped after it was added, and summaries of parts can be merged.
//
// # Clocks
//
// Two machines have two clocks. A child from another machine that does not fit into its parent is
// moved into the middle of it, by Jaeger's rule. Everything below it that has the same clock moves
// along. A warning names the amount; [WithMaxSkew] bounds it or turns the correction off. Nothing
// is moved if the backend says that it has corrected the clocks already.
//
// # Times
//
// Times are integer nanoseconds and intervals are half-open. A child that ends where the next one
// starts leaves no gap. A child that starts where its parent ends is detached, unless its length is
// zero. A negative duration counts as zero. A span of zero length has no gap.
//
// # Broken traces
//
// Build accepts any input. A [Warning] says what it repaired or dropped:
//
//   - A span whose parent is missing becomes a root, and is [Node.Incomplete].
//   - A cycle is broken at the span that starts first.
//   - A duplicate is dropped.
//   - A client and a server span with the same id, as Zipkin records them, become parent and child.
//
// The result does not depend on the order of the spans. Every step is iterative and takes O(n log
// n), so a chain of a million spans is ordinary input.
//
// # Differences from Jaeger and CRISP
//
// Jaeger and CRISP walk the critical path only over the children that end last, and count the rest
// of a span as self time. Of two children that overlap they lose one, and blame the parent for time
// that was covered. Jaeger's UI also subtracts a FollowsFrom child, except a consumer whose parent
// is a producer.
package gap
