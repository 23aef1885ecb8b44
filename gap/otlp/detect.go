package otlp

import (
	"encoding/binary"
	"regexp"
)

// encoding is how the input is encoded.
type encoding int

const (
	asJSON    encoding = iota
	bare               // one message of Protobuf
	answer             // the same in a message that has it as its first field
	sized              // messages, each after its size in 4 bytes, the most significant first
	delimited          // messages, each after its size as a varint
)

// peeked is how many bytes detect needs at most.
const peeked = 512

// jsonStart is how JSON begins. 0x0a begins a message of Protobuf, and is white space in JSON.
var jsonStart = regexp.MustCompile("^(?:\xef\xbb\xbf)?[ \t\r\n]*(?:$|[{\\[][ \t\r\n]*(?:$|\"(?:$|[^\x00-\x1f])|[\\]}{]))")

// detect returns the encoding of an input that starts with start. It is JSON if it is nothing else.
func detect(start []byte) encoding {
	switch {
	case jsonStart.Match(start):
		return asJSON
	case isRequest(start):
		return bare
	case isAnswer(start):
		return answer
	case isSized(start):
		return sized
	}
	if size, n := binary.Uvarint(start); n > 0 && size > 0 && isRequest(start[n:]) {
		return delimited
	}
	return asJSON
}

// isSized reports whether start begins with messages after their sizes. Empty ones may come first.
func isSized(start []byte) bool {
	for len(start) >= 4 {
		if size := binary.BigEndian.Uint32(start); size > 0 {
			return size < 1<<31 && isRequest(start[4:])
		}
		start = start[4:]
	}
	return len(start) == 0
}

// isRequest reports whether b may begin an export request: its first field is a group of spans of a
// resource.
func isRequest(b []byte) bool {
	group, ok := firstField(b)
	return ok && isResourceSpans(group)
}

// isAnswer reports whether b may begin an answer of Tempo, whose first field is such a request.
func isAnswer(b []byte) bool {
	trace, ok := firstField(b)
	return ok && isRequest(trace)
}

// isResourceSpans reports whether b may begin the spans of a resource. A resource begins with an
// attribute, and that with its key, or with the number of dropped attributes.
func isResourceSpans(b []byte) bool {
	if len(b) == 0 || b[0] == 0x12 || b[0] == 0x1a || b[0] == 0xc2 { // scope_spans, schema_url, a field from 1000
		return true
	}
	resource, ok := firstField(b)
	if !ok || len(resource) == 0 || resource[0] == 0x10 || resource[0] == 0x1a {
		return ok
	}
	attribute, ok := firstField(resource)
	if !ok || len(attribute) == 0 || attribute[0] == 0x12 {
		return ok
	}
	key, ok := firstField(attribute)
	return ok && (len(key) == 0 || key[0] >= ' ')
}

// firstField returns the content of the field with number 1 if b begins with it. The content may be
// truncated.
func firstField(b []byte) ([]byte, bool) {
	if len(b) == 0 || b[0] != 0x0a {
		return nil, false
	}
	size, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return nil, len(b) == 1
	}
	b = b[1+n:]
	return b[:min(uint64(len(b)), size)], true
}
