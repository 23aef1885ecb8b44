package propagation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

const maxDebugID = 4096 // bytes: it becomes a tag

// incoming holds what extract needs of a carrier. It is large, so it must stay on extract's stack.
type incoming struct {
	headers               // the first value of each header
	tracestates  []string // one value for each such header
	debugID      string
	baggage      map[string]string
	baggageBytes int
	lastKey      string // of baggage: a repeated header costs nothing
	copied       int    // bytes, see maxCopied
}

// add adds one header of a carrier. With encoded, values of baggage and debug IDs are URL-encoded.
func (in *incoming) add(key, value string, encoded bool) {
	if k, ours := headerOf(key); ours {
		switch {
		case k == tracestate:
			// One header more than allowed suffices to see that there are too many members.
			if len(in.tracestates) <= maxMembers && strings.Trim(value, " \t,") != "" {
				in.tracestates = append(in.tracestates, value)
			}
		case !in.has[k]:
			in.set(k, value)
		case k == traceparent: // only one is allowed
			in.value[k] = "several"
		}
		return
	}
	name, isBaggage := baggageName(key)
	switch {
	case isBaggage:
		if key == in.lastKey || len(in.baggage) == maxBaggageItems || !in.spend(len(key)) {
			return // the first value of a key counts
		}
		in.lastKey = key
		in.addBaggage(strings.ToLower(name), in.decoded(value, encoded))
	case strings.EqualFold(key, jaeger.JaegerBaggageHeader):
		in.addBaggageList(value)
	case in.debugID == "" && strings.EqualFold(key, jaeger.JaegerDebugHeader):
		if len(value) > maxDebugID {
			value = value[:maxDebugID]
			if at := strings.LastIndexByte(value, '%'); encoded && at > maxDebugID-len("%78") {
				value = value[:at] // half of an encoded byte
			}
			value = strings.Clone(value) // or the tag would keep the whole header alive
		}
		in.debugID = in.decoded(value, encoded)
	}
}

// decoded decodes value if encoded is set. It returns value unchanged if the limit for copies is
// reached, or if value is malformed, since some peers send it unencoded.
func (in *incoming) decoded(value string, encoded bool) string {
	if encoded && strings.ContainsAny(value, "%+") && in.spend(len(value)) {
		if v, err := url.QueryUnescape(value); err == nil {
			return v
		}
	}
	return value
}

// merge returns the IDs of the first format in order that has well-formed ones. A bare decision of
// an earlier format overrides the decision that came with the IDs. Without any IDs, bad is the
// first malformed header.
func (in *incoming) merge(order []Format) (found remote, bad malformed) {
	var early decision
	for _, f := range order {
		r, wrong := f.read(&in.headers)
		if early != undecided {
			r.decision = early
		}
		if wrong == (malformed{}) && r.hasIDs() {
			return r, malformed{}
		}
		if bad == (malformed{}) {
			bad = wrong
		}
		early = r.decision
	}
	return remote{decision: early}, bad
}

// extract returns a peer's context: a jaeger.SpanContext, or a *pending if Jaeger's type cannot
// express it. With an error for malformed headers it also returns a context.
func (c codec) extract(carrier any) (opentracing.SpanContext, error) {
	var in incoming
	if err := in.read(carrier, c.encoded); err != nil {
		return nil, err
	}
	found, bad := in.merge(c.order)
	err := bad.err(&in.headers)
	switch {
	case found.hasIDs() && found.decision == undecided && !c.DeferredAsDenied:
		accept := found
		accept.decision = accepted
		ifAccepted := c.context(&in, accept)
		c.onExtract(ifAccepted)
		return pend(&pending{SpanContext: c.context(&in, found), ifAccepted: &ifAccepted}), nil
	case found.hasIDs():
		sc := c.context(&in, found)
		c.onExtract(sc)
		return final(sc), nil

	case found.decision != undecided && in.debugID == "":
		// A decision without IDs. Jaeger's contexts need IDs to hold a decision, so it gets new
		// ones. For a denial, no span with these IDs is ever reported.
		c.newIDs(&found)
		sc := final(in.context(found))
		if found.decision == denied && err == nil {
			return sc, nil
		}
		return pend(&pending{SpanContext: sc.(jaeger.SpanContext), root: found.decision != denied, reason: err}), nil

	case in.debugID == "" && len(in.baggage) == 0 && err == nil:
		return nil, opentracing.ErrSpanContextNotFound
	case err == nil:
		return in.context(remote{}), nil
	}
	sc := pend(&pending{SpanContext: in.context(remote{}), reason: err})
	if in.debugID != "" || len(in.baggage) > 0 {
		return sc, nil // the new trace gets them, and logs err
	}
	return sc, err
}

func (p *Propagation) onExtract(sc jaeger.SpanContext) {
	if p.OnExtract != nil {
		p.OnExtract(sc)
	}
}

// context returns the context of r, with the tracestate if Inject will write it.
func (p *Propagation) context(in *incoming, r remote) jaeger.SpanContext {
	c := in.context(r)
	if !p.writesTracestate || len(in.tracestates) == 0 {
		return c
	}
	// A tracestate belongs to the trace of its traceparent only.
	if parent, bad := readW3C(&in.headers); bad != (malformed{}) || parent.trace != r.trace {
		return c
	}
	if state := joinTracestates(in.tracestates); state != "" {
		seenTracestate.Store(true)
		keepTracestate(c, state)
	}
	return c
}

// newIDs gives r the IDs of a root: as in Jaeger's client, the span's is the low half of the
// trace's.
func (p *Propagation) newIDs(r *remote) {
	for r.trace.Low == 0 {
		r.trace.Low = rand.Uint64() >> 1 // 63 bits, as in Jaeger's client: some peers have no unsigned numbers
	}
	if p.LongIDs {
		r.trace.High = rand.Uint64() >> 1
	}
	r.span = jaeger.SpanID(r.trace.Low)
}

// context converts r to Jaeger's type. If r has no IDs, the context only carries a debug ID or
// baggage into a new trace. It always has a sampling state: without one, IsSampled panics.
func (in *incoming) context(r remote) jaeger.SpanContext {
	if r.decision != debug && in.debugID == "" {
		c := jaeger.NewSpanContext(r.trace, r.span, r.parent, r.decision == accepted, in.baggage)
		if r.firehose {
			c.SetFirehose()
		}
		return c
	}
	// Only Jaeger's own codec can create a context with a debug ID or the debug flag.
	flags := flagsOf[r.decision]
	if r.firehose {
		flags |= flagFirehose
	}
	header := fmt.Sprintf("%s:%s:%s:%d", r.trace, r.span, r.parent, flags)
	debugID, baggage := in.debugID, in.baggage // in itself must not move to the heap
	c, _ := jaegerCodec.Extract(carrierFunc(func(handle func(key, value string) error) error {
		err := handle(jaeger.TraceContextHeaderName, header) // first, since it resets the rest
		if debugID != "" {
			err = cmp.Or(err, handle(jaeger.JaegerDebugHeader, debugID))
		}
		for key, value := range baggage {
			err = cmp.Or(err, handle(jaeger.TraceBaggageHeaderPrefix+key, value))
		}
		return err // always nil: the header is well-formed
	}))
	return c
}

var jaegerCodec = jaeger.NewTextMapPropagator(new(jaeger.HeadersConfig).ApplyDefaults(), *jaeger.NewNullMetrics())

// carrierFunc is a carrier for Jaeger's codec.
type carrierFunc func(handle func(key, value string) error) error

func (f carrierFunc) ForeachKey(handle func(key, value string) error) error { return f(handle) }
