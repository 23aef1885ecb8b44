package gap

import "fmt"

// Class says where the time of a gap went. All gaps of a span have the same class.
type Class uint8

// The classes.
const (
	ClassSelf   Class = iota // into the program itself: any span except a client's
	ClassWire                // between client and server: a client span whose frame has a server child
	ClassRemote              // into a service that recorded no span: any other client span
)

var classNames = [...]string{ClassSelf: "self", ClassWire: "wire", ClassRemote: "remote"}

// String returns the name of the class in lower case.
func (c Class) String() string {
	if int(c) >= len(classNames) {
		return fmt.Sprintf("class %d", uint8(c))
	}
	return classNames[c]
}

// classify finds the class of every span, and which children block their parent:
//
//	parent         |-----------------|
//	blocking          |------|
//	  and outlives               |---------|
//	detached                               |----|
func (t *Trace) classify() {
	if len(t.nodes) == 0 {
		return
	}
	t.start, t.end = maxTime, minTime
	for i := range t.nodes {
		n := &t.nodes[i]
		t.start, t.end = min(t.start, n.start), max(t.end, n.end)
		if n.kind == KindClient {
			n.class = ClassRemote
		}
		t.incomplete = t.incomplete || n.is(incomplete)
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		if !n.is(childOf) {
			continue
		}
		p := &t.nodes[n.parent]
		if n.kind == KindServer {
			t.markWire(n.parent)
		}
		end := t.bounds(n.parent).end
		switch {
		case p.kind == KindProducer && n.kind == KindConsumer:
		case n.end <= end:
			n.flags |= blocking
		case n.start < end:
			n.flags |= blocking | outlives
		default:
			n.flags |= detached
		}
	}
}

// markWire sets the class of a client that has a server child, and of the other spans of its frame.
func (t *Trace) markWire(i int32) {
	if t.nodes[i].class == ClassRemote {
		t.nodes[i].class = ClassWire
		if t.nodes[i].is(framed) {
			for _, i := range t.frame(i).spans {
				if t.nodes[i].kind == KindClient {
					t.nodes[i].class = ClassWire
				}
			}
		}
	}
}
