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

// kind reads a span's span.kind tag. A tag set twice counts as last set, as OpenTracing has it.
func (s *Span) kind() Kind {
	kind := Internal
	for _, tag := range s.Tags {
		if tag.Key != "span.kind" {
			continue
		}
		name, _ := tag.Value.(string)
		kind = Internal
		for k, known := range kindNames {
			if strings.EqualFold(name, known) {
				kind = Kind(k)
			}
		}
	}
	return kind
}
