// Package diff compares the self time of two sets of traces, place by place. A place is the
// position of gaps in the spans of an operation, see [gap.Position].
//
//	before  GET /cart |--1 ms--|  get  |---2 ms---|  set  |--1 ms--|
//	after   GET /cart |--1 ms--|  get  |---------9 ms---------|  set  |--1 ms--|
//	places              before get       after get, before set         after set
//
// A trace gives one value to each place that occurs in it: the self time there of the operation's
// spans, on average if it has several that have the place. So values are independent of each other,
// as the statistics require. Package golang.org/x/perf/benchmath computes medians and their
// confidence intervals, and compares the values of both sides by the Mann-Whitney U test, as
// benchstat does. Fisher's exact test compares how many traces have a place. Many places are tested
// at once, so the false discovery rate is bounded.
//
// The cost of a change is the difference of the self time on the critical path, per trace. It
// counts all traces, while medians are those of a sample of at most 1,000 traces. Neither depends
// on the order of the traces.
package diff
