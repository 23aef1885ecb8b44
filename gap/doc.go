// Package gap finds the time inside a span that none of its children covers.
//
// [Build] makes a [Trace] of the spans of one trace; [Trace.Gaps] yields its gaps. The package
// reads no file, no network and no clock. To read spans from Jaeger use package jaegerjson, to
// print what was found use package report.
//
// # Gaps
//
// A gap is a maximal interval of a span that none of its blocking children covers:
//
//	handler  |-------------------------------|
//	  query       |------|
//	  get                    |-----|
//	gaps     [---]        [-]       [--------]
//
// A column of a picture is a moment.
//
// A child blocks its parent if all of these hold:
//
//   - It names the parent by a [ChildOf] reference. It may have [FollowsFrom] references, too.
//   - It is not a consumer whose parent is a producer.
//   - It starts before its parent ends. One that starts later is [Node.Detached].
//
// Time that several children cover is subtracted once. A blocking child counts only as far as it
// lies inside its parent; if it ends after its parent, [Node.Outlives] is true. A child of zero
// length covers nothing. Only direct children count: what a grandchild covers outside its own
// parent is not subtracted.
//
// A span that has only FollowsFrom references is a child of the first span that they name, so that
// it can be drawn. It does not block.
//
// The self time of a span is the sum of its gaps. It is zero for a client span, see Classes below.
//
// # Calls and their waits
//
// The wrappers of this module record a call as one span. If reading the call's result blocks again,
// each such later wait is a span, too. The frame of the call is the time from its start to the end
// of its last wait. A server that streams its answer works in all of it:
//
//	handler       |------------------------------|
//	  get           |----|
//	  get wait              |------|  |-----|
//	    server        |------------------|
//	frame of get    |-----------------------|
//	gaps          []      []        []       [---]  of the handler
//	                []                    [-]       of get and its waits
//
// The call and its waits are the spans of the frame. Any other span is a frame of its own. In the
// rules above, the frame takes the place of the parent:
//
//   - A child of any span of the frame blocks all of them if it starts before the frame ends. It
//     outlives them if it ends after the frame. A child that starts later is detached.
//   - A gap of a span is a maximal interval that no blocking child of any span of its frame covers.
//
// A span is a later wait of a call if all of these hold:
//
//   - Its operation is that of the call with " wait" appended. It has a FollowsFrom reference to
//     the call.
//   - It names the same parent as the call by ChildOf. If the trace lacks this parent, both are
//     roots. If the call names no parent, the wait has only FollowsFrom references, and is a child
//     of the call.
//   - The call is not a later wait itself.
//   - It starts after the start of the call, and not before the call and its earlier waits have
//     ended. Of two such spans that overlap, only the first in the order of [Node.Children] is a
//     wait.
//
// # Classes
//
// The kind of a span (its span.kind tag) says where the time of its gaps went, see [Class]:
//
//   - [ClassSelf]: into the program, for any span except a client's. The program worked, or waited
//     for something that has no span.
//   - [ClassWire]: between client and server, for a client span that has a server child, or whose
//     frame has one.
//   - [ClassRemote]: into a service that recorded no span, for any other client span. Such a span
//     may have children, for example the HTTP call inside an Elasticsearch call.
//
// Wire and remote gaps do not count as self time.
//
// # Joined time
//
// To record fewer spans, a wrapper joins waits that are close together into one span. That span
// also covers the parent's work between the waits. This work is the joined time. The wrapper adds
// it up in the tag wait.joined_us of the call's span, and Build gives it back to the parent: the
// parent has one more [Gap] for each such call, for which [Gap.Joined] is true.
//
// Where in the call's spans the work lies is unknown. A joined gap is at most as long as what these
// spans cover of the parent's frame. All joined gaps of a parent together are at most as long as
// what the spans of all these calls cover of it.
//
// # Where a gap is
//
// [Gap.After] is the blocking child that ends where the gap starts, and [Gap.Before] the one that
// starts where the gap ends. Of several children they are the first, in the order of
// [Node.Children]. A later wait counts as its call. The operations of these two spans identify the
// same place in other traces, see [Gap.Position].
//
// # The critical path
//
// The critical path is what kept the root from ending sooner:
//
//	root  |-----------------------------|
//	  a         |----------|
//	  b                |-------|
//	  c           |--|
//	path  [root][  a  ][   b   ][ root  ]
//
// [Trace.CriticalPath] yields its segments, the intervals in brackets. The path is found by walking
// back from the root's end. At each moment it goes back into a child that ends at this moment,
// otherwise into a child that is running, otherwise it stays in the span itself. Of several such
// children it takes the first in the order of [Node.Children]. Only blocking children count.
//
// The segments of a root add up to its duration, and each lies inside a gap of its span.
// [Gap.CriticalTime] is the part of a gap on the path; [Worst] ranks gaps by it.
//
// A call and its later waits are walked as one span: from the first moment in which the path is in
// one of them to the last. Between two of them the path is elsewhere, so this time is then taken
// from the spans below the call. In this picture the path is in the span with the letter h, g, w or
// s:
//
//	handler   h   |------------------------------|
//	  get       g   |----|
//	  get wait  w           |------|  |-----|
//	    server  s     |------------------|
//	path          hhggsssshhsssssssshhsssswwwhhhhh
//
// If a call is a root, its path goes on in its later waits. The segments then add up to the
// durations of all of them.
//
// Roots that name the same missing parent share one path, as if they were its children. So each of
// them may be on it only in part, or not at all.
//
// # What a gap was
//
// The spans do not say what a program did in a gap. If that is known from elsewhere, such as the
// execution trace of the Go runtime, [Trace.Explained] adds an [Explanation] to the gaps of a
// trace. Each of its parts has a cause and evidence. Together the parts are as long as the gap. The
// causes are:
//
//	cause        what the goroutine did
//	unobserved   unknown: the recording does not cover the time
//	cpu          it ran on a CPU
//	runnable     it was ready to run, but Go's scheduler had no P for it
//	no cpu       it was running, as Go sees it, but the kernel gave its thread no CPU
//	throttled    the same, because the container had used up its CPU limit
//	gc           it helped the garbage collector, or waited for it
//	syscall      it was in a system call
//	cgo          it ran C code
//	network      it waited for a client that no wrapper covers
//	lock         it waited for a Mutex, RWMutex, WaitGroup or Cond
//	channel      it waited to send to a channel or to receive from it
//	select       it waited in a select
//	sleep        it slept
//	other        it waited for something else, see Evidence.Reason
//
// If the goroutine waited for another one, a part may be what that one did. [Evidence.Goroutine]
// then is the other one's number.
//
// The CPU clock of the thread proves cpu, or samples of a CPU profile do, see [Proof]. Without a
// proof, cpu is the time that Go calls running. It then includes time in which the thread had no
// CPU.
//
// A Summary adds up the parts of gaps at the same position, and of all gaps of an operation.
//
// # Many traces
//
// A [Summary] adds up many traces by service and operation, with histograms of durations and self
// times, and their gaps by position. It keeps no trace, and several summaries can be merged.
//
// # Clocks
//
// Two machines have two clocks. Build corrects the clock of a child that does not share it with its
// parent, in two cases:
//
//   - The child starts before its parent's frame.
//   - It is the server of a client, and does not start before the frame ends.
//
// It moves by the smallest shift that puts it inside: to the start of the frame, or so that it ends
// with the frame. A child that does not fit starts with the frame. Its own children that share its
// clock move with it, and so on. So do the later waits of a call.
//
// A child that starts inside the frame is not corrected: it may well have ended later. Nor is one
// that its parent does not wait for: one that has only FollowsFrom references, or is a consumer of
// a producer.
//
// [Node.Moved] returns how far a span was moved. A warning names the span at which a correction
// begins. [WithMaxSkew] bounds the correction or turns it off. Nothing is moved if Jaeger has
// corrected the clocks already.
//
// # Times
//
// Times are integer nanoseconds and intervals are half-open. A child that ends where the next one
// starts leaves no gap. A child that starts where its parent ends is detached, unless its length is
// zero. A negative duration counts as zero. A span of zero length has no gap, except joined time.
//
// # Broken traces
//
// Build accepts any input. A [Warning] says what it repaired or dropped:
//
//   - A span whose parent is missing is [Node.Incomplete]. It becomes a root, unless the trace has
//     a span that it names by FollowsFrom.
//   - If references form a cycle, the span of the cycle that starts first becomes a root.
//   - A duplicate is dropped.
//
// A client and a server span with the same id, as Zipkin records them, become parent and child
// without a warning. The result does not depend on the order of the spans. No step is recursive,
// and each takes O(n log n), so a chain of a million spans is ordinary input.
//
// # Differences from Jaeger and CRISP
//
// Jaeger and CRISP walk the critical path only over the children that end last, and count the rest
// of a span as self time. If two children overlap they ignore one, and count the time that only it
// covered as the parent's. Jaeger's UI also subtracts a FollowsFrom child, except a consumer whose
// parent is a producer. Jaeger corrects no clock unless it is configured to. If it is, it moves any
// child that does not fit into the middle of its parent.
package gap
