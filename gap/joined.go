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

const joinedTag = "wait.joined_us"

// hidden is a call whose spans, by joining waits, cover work of the parent.
type hidden struct {
	node       int32
	work       int64 // nanoseconds: as the tag has it, and when Build is done what the parent gets back
	start, end int64 // where the spans of the call lie in the parent
	cover      cover // what they cover of it
	onPath     int64 // what the critical path spends in them
}

// cover measures a union of intervals that come in the order of their starts.
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

// critical is the part of the work that counts as on the critical path. As nobody knows where it lies, that is
// the same part of it that is on the path of the spans that hide it.
func (h *hidden) critical() int64 {
	if h.work == 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(h.work), uint64(h.onPath))
	share, _ := bits.Div64(high, low, uint64(h.cover.length)) // neither factor is more than that
	return int64(share)
}

func (t *Trace) hidden(node int32) *hidden {
	i, _ := slices.BinarySearchFunc(t.joined, node, func(h hidden, node int32) int { return cmp.Compare(h.node, node) })
	return &t.joined[i]
}

// giveBack finds how much of its joined time each call can return to its parent: not more than the call and the waits
// that FollowsFrom it cover, and for all calls of a parent not more than all of these.
func (b *builder) giveBack(t *Trace) {
	for _, h := range b.joined {
		h.node = b.places[h.node]
		if n := &t.nodes[h.node]; n.parent != none {
			n.flags |= joins
			t.joined = append(t.joined, h)
		}
	}
	if t.joined == nil {
		return
	}
	slices.SortFunc(t.joined, func(a, b hidden) int { return cmp.Compare(a.node, b.node) })
	left := make(map[int32]cover) // by parent
	for i := range t.nodes {
		n := &t.nodes[i]
		call := b.callOf(t, int32(i))
		if call == none || !n.is(blocking) {
			continue
		}
		p := &t.nodes[n.parent]
		start, end := max(n.start, p.start), min(n.end, p.end)
		if start >= end {
			continue
		}
		h := t.hidden(call)
		if h.cover.length == 0 {
			h.start = start
		}
		h.cover.add(start, end)
		h.end = h.cover.end
		h.onPath += t.windows[i].length()
		all := left[n.parent]
		all.add(start, end)
		left[n.parent] = all
	}
	for i := range t.joined {
		h := &t.joined[i]
		n := &t.nodes[h.node]
		all := left[n.parent]
		work := min(h.work, h.cover.length, all.length)
		all.length -= work
		left[n.parent] = all
		if work < h.work {
			b.warn(n, WarnBadJoined, "%s is %v, but its spans can only hide %v", joinedTag, time.Duration(h.work), time.Duration(work))
		}
		h.work = work
	}
}

// callOf returns the call with joined time that node i is a span of: itself, or one that it FollowsFrom under the same
// parent. It returns none if there is no such call.
func (b *builder) callOf(t *Trace, i int32) int32 {
	n := &t.nodes[i]
	if n.is(joins) {
		return i
	}
	if !n.is(follows) {
		return none
	}
	for _, ref := range n.span.References {
		if ref.Type != FollowsFrom || !b.within(ref) {
			continue
		}
		if call := b.ids.find(ref.SpanID); call != none {
			call = b.places[call]
			if t.nodes[call].is(joins) && t.nodes[call].parent == n.parent {
				return call
			}
		}
	}
	return none
}

// joined reads the tag wait.joined_us, in nanoseconds. It is zero without one.
func (s *Span) joined() (int64, error) {
	var us int64
	var err error
	for _, tag := range s.Tags {
		if tag.Key == joinedTag {
			us, err = integer(tag.Value)
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

// integer reads a value of any integer type, a float without a fraction as JSON makes them, or a
// string of digits. A number from 1<<63 up is a negative one that was stored as unsigned.
func integer(value any) (int64, error) {
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
			return 0, fmt.Errorf("is no number: %q", v)
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
	return 0, fmt.Errorf("is no number: %v", value)
}
