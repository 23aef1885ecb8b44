package gap

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var kindNames = [...]string{
	KindInternal: "internal", KindClient: "client", KindServer: "server",
	KindProducer: "producer", KindConsumer: "consumer",
}

// String returns the value that a span.kind tag has for this kind.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kindNames[k]
}

// ParseKind returns the kind that a span.kind tag names, in upper or lower case. Any other text is
// [KindInternal].
func ParseKind(name string) Kind {
	for k, known := range kindNames {
		if name == known || strings.EqualFold(name, known) {
			return Kind(k)
		}
	}
	return KindInternal
}

// String returns the id as Jaeger writes it: 16 hexadecimal digits, or 32 if High is not zero.
func (id TraceID) String() string {
	if id.High == 0 {
		return fmt.Sprintf("%016x", id.Low)
	}
	return fmt.Sprintf("%016x%016x", id.High, id.Low)
}

// ParseTraceID parses an id that [TraceID.String] formatted. It also accepts fewer leading zeros
// and upper case: any 1 to 32 hexadecimal digits.
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

var errTraceID = errors.New("malformed trace id: want 1 to 32 hexadecimal digits")

// String returns the id as Jaeger writes it: 16 hexadecimal digits.
func (id SpanID) String() string { return fmt.Sprintf("%016x", uint64(id)) }
