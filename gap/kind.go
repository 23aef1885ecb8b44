package gap

import (
	"fmt"
	"strings"
)

var kindNames = [...]string{Internal: "internal", Client: "client", Server: "server", Producer: "producer", Consumer: "consumer"}

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
	return Internal
}
