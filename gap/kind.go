package gap

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var kindNames = [...]string{KindInternal: "internal", KindClient: "client", KindServer: "server", KindProducer: "producer", KindConsumer: "consumer"}

// String returns the kind as a span.kind tag spells it.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kindNames[k]
}

// String returns the id as Jaeger writes it: 16 hexadecimal digits, or 32 where the high half is not zero.
func (id TraceID) String() string {
	if id.High == 0 {
		return fmt.Sprintf("%016x", id.Low)
	}
	return fmt.Sprintf("%016x%016x", id.High, id.Low)
}

// ParseTraceID reads an id as [TraceID.String] writes it, with or without its leading zeros: 1 to 32 hexadecimal digits, of either case.
func ParseTraceID(s string) (id TraceID, err error) {
	split := max(0, len(s)-16)
	if split > 16 {
		return TraceID{}, errTraceID
	}
	if split > 0 {
		id.High, err = strconv.ParseUint(s[:split], 16, 64)
	}
	if err == nil {
		id.Low, err = strconv.ParseUint(s[split:], 16, 64)
	}
	if err != nil {
		return TraceID{}, errTraceID
	}
	return id, nil
}

var errTraceID = errors.New("want the id of a trace: up to 32 hexadecimal digits")

// String returns the id as Jaeger writes it: 16 hexadecimal digits.
func (id SpanID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// read takes the kind from a span's tags, and says whether they tell of joined time, too. A tag set twice counts as
// last set, as OpenTracing has it.
func (n *node) read(tags []Field) (joined bool) {
	for i := range tags {
		switch tags[i].Key {
		case "span.kind":
			name, _ := tags[i].Value.(string)
			n.kind = kindOf(name)
		case joinedTag:
			joined = true
		}
	}
	return joined
}

func kindOf(name string) Kind {
	for k, known := range kindNames {
		if name == known || strings.EqualFold(name, known) {
			return Kind(k)
		}
	}
	return KindInternal
}
