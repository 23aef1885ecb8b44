package gap

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// joinedTag is the tag of a call whose waits were joined. Its value is the joined time: the
// parent's work between these waits, which the recorded spans cover:
//
//	parent    |--------------------------------|
//	waits        |----|  |----|      |----|
//	recorded     |------------|      |----|       joined time: between the first two waits
//	gaps      [-]              [----]      [---]  and one more Gap, for the joined time
const joinedTag = "wait.joined_us"

// joinedCall is a call with joined time. Its spans are the call's and those of its later waits.
type joinedCall struct {
	node   int32
	work   int64 // joined time in ns: what the tag says, until settleJoined bounds it
	cover  cover // what its spans cover of the parent's frame
	onPath int64 // ns that the critical path spends in its spans and below them
}

// cover measures the union of intervals that are added in the order of their starts.
type cover struct{ length, end int64 }

func (c *cover) add(start, end int64) {
	if c.length == 0 || start > c.end {
		c.end = start
	}
	if end > c.end {
		c.length += end - c.end
		c.end = end
	}
}

// critical returns how much of the work counts as on the critical path. Where the work lies is
// unknown, so it is the same part as of what the spans cover.
func (c *joinedCall) critical() int64 {
	if c.work == 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(c.work), uint64(c.onPath))
	part, _ := bits.Div64(high, low, uint64(c.cover.length)) // no overflow: onPath <= cover.length
	return int64(part)
}

// joinedCall returns the entry of a call that has joined time.
func (t *Trace) joinedCall(node int32) *joinedCall {
	i, _ := slices.BinarySearchFunc(t.joined, node, func(c joinedCall, node int32) int {
		return cmp.Compare(c.node, node)
	})
	return &t.joined[i]
}

// settleJoined bounds the joined time of each call by what its spans cover of the parent's frame.
// It bounds that of all calls of a parent by what the spans of all cover.
func (b *builder) settleJoined(t *Trace) {
	for _, c := range b.joined {
		c.node = b.places[c.node]
		if n := &t.nodes[c.node]; n.parent != none {
			n.flags |= joins
			t.joined = append(t.joined, c)
		}
	}
	if t.joined == nil {
		return
	}
	slices.SortFunc(t.joined, func(a, b joinedCall) int { return cmp.Compare(a.node, b.node) })
	left := b.coverJoined(t)
	for i := range t.joined {
		c := &t.joined[i]
		n := &t.nodes[c.node]
		all := left[n.parent]
		work := min(c.work, c.cover.length, all.length)
		all.length -= work
		left[n.parent] = all
		if work < c.work {
			b.warn(n, WarnBadJoined, "%s is %v, but the call's spans cover only %v", joinedTag,
				time.Duration(c.work), time.Duration(work))
		}
		c.work = work
	}
}

// coverJoined measures what the spans of each call with joined time cover of their parent's frame.
// It returns what those of all such calls cover, by parent.
func (b *builder) coverJoined(t *Trace) map[int32]cover {
	byParent := make(map[int32]cover)
	onPath := t.timesOnPath()
	for i := range t.nodes {
		n := &t.nodes[i]
		call := int32(i)
		if !n.is(joins) {
			call = t.call(call)
		}
		if !t.nodes[call].is(joins) || !n.is(blocking) {
			continue
		}
		in := t.bounds(n.parent).clip(n.start, n.end)
		if in.length() == 0 {
			continue
		}
		c := t.joinedCall(call)
		c.cover.add(in.start, in.end)
		c.onPath += onPath(int32(i))
		all := byParent[n.parent]
		all.add(in.start, in.end)
		byParent[n.parent] = all
	}
	for i := range t.joined {
		c := &t.joined[i]
		c.onPath = min(c.onPath, c.cover.length)
	}
	return byParent
}

// joined returns the value of the tag wait.joined_us in nanoseconds, or zero if there is no such
// tag.
func (s *Span) joined() (int64, error) {
	var us int64
	var err error
	for _, tag := range s.Tags {
		if tag.Key == joinedTag {
			us, err = parseInteger(tag.Value)
		}
	}
	switch {
	case err != nil:
		return 0, err
	case us < 0:
		return 0, fmt.Errorf("is negative: %d", us)
	}
	return min(us, math.MaxInt64/1000) * 1000, nil
}

// parseInteger accepts any integer type, a float without a fraction (JSON has no integers), and a
// string of digits. A number of at least 1<<63 is a negative one that was stored as unsigned.
func parseInteger(value any) (int64, error) {
	switch v := value.(type) {
	case int64:
		return v, nil
	case string:
		v = strings.TrimSpace(v)
		if u, err := strconv.ParseUint(v, 10, 64); err == nil {
			return int64(u), nil
		}
		i, err := strconv.ParseInt(v, 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, fmt.Errorf("is not a number: %q", v)
		}
		return i, nil
	}
	v := reflect.ValueOf(value)
	switch {
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint():
		return int64(v.Uint()), nil
	case v.CanFloat() && v.Float() >= 1<<63 && v.Float() < 1<<64:
		return int64(uint64(v.Float())), nil
	case v.CanFloat() && v.Float() == math.Trunc(v.Float()):
		return int64(max(-1<<53, min(v.Float(), 1<<53))), nil
	}
	return 0, fmt.Errorf("is not a number: %v", value)
}
