package tracer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// propagation is how contexts travel. Baggage and debug ids travel in Jaeger's way, whatever the formats.
type propagation struct {
	written   []Format
	believed  []Format
	deferDeny bool // ids without a decision are denied
	long      bool // ids made here have 128 bits
	stateful  bool // tracestate is written
}

// What is rare costs a look only after it was first seen, by any tracer: a context may be handed to another one.
var (
	seenState   atomic.Bool // a tracestate that is to be sent on
	seenPending atomic.Bool // a context that StartSpan has to complete
)

func (p *propagation) inject(c jaeger.SpanContext, undecided bool, carrier any, encoded bool) error {
	var s outgoing
	s.of(c)
	if undecided {
		s.decision = 0
	}
	if seenState.Load() {
		s.state = stateOf(c)
	}
	var h headers
	for _, f := range p.written {
		if !undecided || f.defers() { // no header is better than a decision that nobody made
			f.write(&s, &h)
		}
	}
	if err := h.writeTo(carrier); err != nil {
		return err
	}
	writeBaggage(c, carrier.(opentracing.TextMapWriter), encoded)
	return nil
}

// incoming is what a carrier held that concerns us, the first value of each header. It is large, and must not be given away,
// or every extraction allocates one.
type incoming struct {
	headers
	states       []string // of all tracestate headers
	debugID      string
	baggage      map[string]string
	baggageBytes int
	spent        int    // bytes that were made of what came
	last         string // the key of baggage that came last
}

func (in *incoming) read(carrier any, encoded bool) error {
	switch c := carrier.(type) {
	case opentracing.HTTPHeadersCarrier:
		for key, values := range c {
			for _, value := range values {
				in.add(key, value, encoded)
			}
		}
	case opentracing.TextMapCarrier:
		for key, value := range c {
			in.add(key, value, encoded)
		}
	case opentracing.TextMapReader:
		given := new(incoming)
		err := c.ForeachKey(func(key, value string) error {
			given.add(key, value, encoded)
			return nil
		})
		*in = *given
		return err
	default:
		return opentracing.ErrInvalidCarrier
	}
	return nil
}

func (in *incoming) add(key, value string, encoded bool) {
	if k, ours := headerOf(key); ours {
		switch {
		case k == tracestate:
			// One more than there may be is enough to see that there are too many, as each has a member at least.
			if len(in.states) <= maxMembers && strings.Trim(value, " \t,") != "" {
				in.states = append(in.states, value)
			}
		case !in.is[k]:
			in.set(k, value)
		case k == traceparent: // of which there may be but one
			in.value[k] = "several"
		}
		return
	}
	const prefix, list, debugHeader = jaeger.TraceBaggageHeaderPrefix, jaeger.JaegerBaggageHeader, jaeger.JaegerDebugHeader
	switch {
	case len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix):
		if key == in.last || len(in.baggage) == maxBaggageItems || !in.spend(len(key)) {
			return // the first value of a key counts
		}
		in.last = key
		if encoded {
			if v, ok := in.unescape(value); ok {
				value = v // what is no encoding was sent as it is
			}
		}
		in.addBaggage(strings.ToLower(key[len(prefix):]), value)
	case len(key) == len(list) && strings.EqualFold(key, list):
		in.addBaggageList(value)
	case in.debugID == "" && len(key) == len(debugHeader) && strings.EqualFold(key, debugHeader):
		if len(value) > maxTagValue {
			value = value[:maxTagValue]
			if at := strings.LastIndexByte(value, '%'); encoded && at > maxTagValue-len("%78") {
				value = value[:at] // half of an encoded byte
			}
			value = strings.Clone(value) // it becomes a tag
		}
		if encoded {
			if v, ok := in.unescape(value); ok {
				value = v
			}
		}
		in.debugID = value
	}
}

// remote is what the formats say, taken together: the ids of the first that has some, and what was decided there, or
// by one before it that has no ids. Where none has anything, why tells what was malformed, nil for nothing.
func (in *incoming) remote(order []Format) (found remote, why error) {
	var bare decision
	var bad malformed
	for _, f := range order {
		r, wrong := f.read(&in.headers)
		switch {
		case wrong != malformed{}:
			if bad == (malformed{}) {
				bad = wrong
			}
			if bare == undecided {
				bare = r.decision
			}
		case r.hasIDs():
			if bare != undecided {
				r.decision = bare
			}
			return r, nil
		case bare == undecided:
			bare = r.decision
		}
	}
	if bad != (malformed{}) {
		why = bad.in(&in.headers)
	}
	return remote{decision: bare}, why
}

// extract gives a context of a peer, whose spans may be started from. Where that is not all, err is a *pending.
func (p *propagation) extract(carrier any, encoded bool) (c jaeger.SpanContext, err error) {
	var in incoming
	if err := in.read(carrier, encoded); err != nil {
		return c, err
	}
	found, why := in.remote(p.believed)
	switch {
	case found.hasIDs():
		if found.decision == undecided && !p.deferDeny {
			in, r := in, found // or they would be on the heap in any case
			return c, pend(&pending{SpanContext: p.context(&in, r), decide: func(d decision) jaeger.SpanContext {
				r.decision = d
				return p.context(&in, r)
			}})
		}
		return p.context(&in, found), nil
	case found.decision == denied && in.debugID == "":
		// What names no span, and is not to be sampled, gets the ids of a span that will never be seen: jaeger has no
		// other context that says no.
		p.newIDs(&found)
		c = in.context(found)
		if why != nil { // which is seen if sampling.priority has another say
			final(c)
			return jaeger.SpanContext{}, pend(&pending{SpanContext: c, why: why})
		}
		return c, nil
	case found.decision >= accepted && in.debugID == "":
		p.newIDs(&found)
		c := in.context(found)
		final(c)
		return jaeger.SpanContext{}, pend(&pending{SpanContext: c, root: true, why: why})
	case in.debugID != "" || len(in.baggage) > 0:
		c = in.context(remote{})
		if why != nil {
			return c, pend(&pending{SpanContext: c, why: why})
		}
		return c, nil
	case why != nil:
		return c, pend(&pending{SpanContext: in.context(remote{}), why: why, err: why})
	}
	return c, opentracing.ErrSpanContextNotFound
}

// context is in's, with the tracestate that is to be sent on.
func (p *propagation) context(in *incoming, r remote) jaeger.SpanContext {
	c := in.context(r)
	if !p.stateful || len(in.states) == 0 {
		return c
	}
	if state := in.state(r); state != "" {
		seenState.Store(true)
		keepState(c, state)
	}
	return c
}

// newIDs are those of a root, which Jaeger gives the low half of its trace's.
func (p *propagation) newIDs(r *remote) {
	for r.trace.Low == 0 {
		r.trace.Low = rand.Uint64() >> 1 // Jaeger's own have 63 bits, for readers that know no unsigned numbers
	}
	if p.long {
		r.trace.High = rand.Uint64() >> 1
	}
	r.span = jaeger.SpanID(r.trace.Low)
}

// state is the tracestate that belongs to found: of the traceparent's own trace, and of no other.
func (in *incoming) state(found remote) string {
	if parent, bad := readW3C(&in.headers); bad != (malformed{}) || parent.trace != found.trace {
		return ""
	}
	return joinState(in.states)
}

// context makes Jaeger's context. Without ids it only carries a debug id or baggage into a new trace. It always has a
// sampling state, without which its IsSampled panics.
func (in *incoming) context(r remote) jaeger.SpanContext {
	if r.decision != debug && in.debugID == "" {
		c := jaeger.NewSpanContext(r.trace, r.span, r.parent, r.decision == accepted, in.baggage)
		if r.firehose {
			c.SetFirehose()
		}
		return c
	}
	// Only Jaeger's own codec can make a context with a debug id or the debug flag.
	flags := 0
	switch r.decision {
	case accepted:
		flags = flagSampled
	case debug:
		flags = flagSampled | flagDebug
	}
	if r.firehose {
		flags |= flagFirehose
	}
	header := fmt.Sprintf("%s:%s:%s:%d", r.trace, r.span, r.parent, flags)
	c, err := jaegerCodec.Extract(handed{header, in.debugID, in.baggage})
	if err != nil { // it has no reason
		return jaeger.NewSpanContext(r.trace, r.span, r.parent, r.decision >= accepted, in.baggage)
	}
	return c
}

var jaegerCodec = jaeger.NewTextMapPropagator(new(jaeger.HeadersConfig).ApplyDefaults(), *jaeger.NewNullMetrics())

// handed is a carrier with what Jaeger's codec may see, the ids first: to read them resets the rest.
type handed struct {
	traceContext, debugID string
	baggage               map[string]string
}

// ForeachKey implements opentracing.TextMapReader.
func (s handed) ForeachKey(handle func(key, value string) error) error {
	if err := handle(jaeger.TraceContextHeaderName, s.traceContext); err != nil {
		return err
	}
	if s.debugID != "" {
		if err := handle(jaeger.JaegerDebugHeader, s.debugID); err != nil {
			return err
		}
	}
	for key, value := range s.baggage {
		if err := handle(jaeger.TraceBaggageHeaderPrefix+key, value); err != nil {
			return err
		}
	}
	return nil
}

// unsupported stands in for the codec of opentracing.Binary, which must not meet the network: a negative length makes
// it panic, and a large one is allocated before it is checked.
type unsupported struct{}

func (unsupported) Inject(jaeger.SpanContext, any) error { return opentracing.ErrUnsupportedFormat }

func (unsupported) Extract(any) (jaeger.SpanContext, error) {
	return jaeger.SpanContext{}, opentracing.ErrUnsupportedFormat
}
