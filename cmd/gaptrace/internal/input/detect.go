package input

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// format is a format of spans.
type format int

const (
	undecided format = iota
	jaegerJSON
	zipkinJSON
	openTelemetry
)

// magics are the first bytes of formats that are not read.
var magics = []struct{ magic, found, hint string }{
	{"PK\x03\x04", Zip, "unzip it"},
	{"PK\x05\x06", Zip, "unzip it"}, // an empty one
	{"\xfd7zXZ\x00", "compressed by xz", "decompress it, as in xz -dc FILE | gaptrace report -"},
	{"\x04\x22\x4d\x18", "compressed by lz4", "decompress it, as in lz4 -dc FILE | gaptrace report -"},
	{"\xff\x06\x00\x00sNaPpY", "compressed by snappy", "decompress it"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive", "extract it"},
	{"\x1f\x8b", "compressed more than twice", "decompress it"},
	{zstdMagic, "compressed more than twice", "decompress it"},
	{"PAR1", "a Parquet file", ""},
	{"Obj\x01", "an Avro file", ""},
	{"\x7fELF", "a program", ""},
	{"SQLite format 3\x00", "an SQLite database", ""},
}

var executionTraceHeader = regexp.MustCompile(`^go \d+\.\d+ trace\x00`)

var rollupRow = regexp.MustCompile(`^[0-9a-f]{32}\t\d+;`)

const tarOffset = 257

// binaryOrText returns the format of an input by its first bytes, or why it is not read. JSON is
// undecided.
func binaryOrText(head []byte) (format, *Unknown) {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return undecided, &Unknown{Found: m.found, Hint: m.hint}
		}
	}
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	lower := strings.ToLower(string(trimmed[:min(len(trimmed), 64)]))
	switch {
	case len(trimmed) == 0 && len(head) < headLength:
		return undecided, &Unknown{Found: Empty}
	case len(trimmed) == 0, trimmed[0] == '{', trimmed[0] == '[':
		return undecided, nil
	case isProtobuf(head), isPrefixed(head):
		return openTelemetry, nil
	case rollupRow.Match(head):
		return undecided, &Unknown{
			Found: "rows of gaptrace rollup spans", Hint: "sort them and run gaptrace rollup fold on them",
		}
	case bytes.HasPrefix(head, []byte("gaptrace-partial:")):
		return undecided, &Unknown{Found: "a partial of gaptrace rollup", Hint: "run gaptrace rollup merge on it"}
	case executionTraceHeader.Match(head):
		return undecided, &Unknown{Found: ExecutionTrace, Hint: "run gaptrace explain on it"}
	case isProfile(head):
		return undecided, &Unknown{Found: "a profile", Hint: "run go tool pprof on it"}
	case len(head) > tarOffset+5 && string(head[tarOffset:tarOffset+5]) == "ustar":
		return undecided, &Unknown{Found: "a tar archive", Hint: "extract it, as in tar -xOf FILE | gaptrace report -"}
	case strings.HasPrefix(lower, "<!doctype html"), strings.HasPrefix(lower, "<html"):
		return undecided, &Unknown{Found: "a web page", Hint: "perhaps a login page instead of traces"}
	case strings.HasPrefix(lower, "<"):
		return undecided, &Unknown{Found: "XML or a web page"}
	}
	return undecided, &Unknown{Found: text(head)}
}

// isProtobuf reports whether head begins like an export request of OTLP: field 1, which is a
// ResourceSpans.
func isProtobuf(head []byte) bool {
	inner, ok := firstField(head)
	switch {
	case !ok:
		return false
	case len(inner) == 0:
		return true
	}
	switch inner[0] {
	case 1<<3 | 2, 2<<3 | 2, 3<<3 | 2: // resource, scope_spans, schema_url
		return true
	}
	return bytes.HasPrefix(inner, []byte{0xc2, 0x3e}) // instrumentation_library_spans, which is field 1000
}

// isPrefixed reports whether head begins like messages, each after its length: in four bytes, as
// the Collector's file exporter writes them, or as a varint.
func isPrefixed(head []byte) bool {
	head = skipEmpty(head)
	if len(head) > 4 && binary.BigEndian.Uint32(head) < 1<<30 && isProtobuf(head[4:]) {
		return true
	}
	length, n := binary.Uvarint(head)
	if n <= 0 || length < 2 || !isProtobuf(head[n:]) {
		return false
	}
	first, n := binary.Uvarint(head[n+1:])
	return n > 0 && first+uint64(n)+1 <= length
}

// isProfile reports whether head begins like a profile: field 1 is a ValueType, whose fields are
// numbers.
func isProfile(head []byte) bool {
	inner, ok := firstField(head)
	return ok && len(inner) > 0 && (inner[0] == 1<<3 || inner[0] == 2<<3)
}

// firstField returns the beginning of the first field of a message in protobuf. ok is false if head
// does not begin with field 1 of a type with a length.
func firstField(head []byte) (inner []byte, ok bool) {
	if len(head) < 2 || head[0] != 1<<3|2 {
		return nil, false
	}
	length, n := binary.Uvarint(head[1:])
	if n <= 0 || length > 1<<31 {
		return nil, false
	}
	inner = head[1+n:]
	return inner[:min(uint64(len(inner)), length)], true
}

// keys are those that only one format has. Objects nest, but their first key mostly decides.
var keys = map[string]format{
	"resourceSpans": openTelemetry, "resource_spans": openTelemetry,
	"batches": openTelemetry, "trace": openTelemetry, // Tempo
	"result": openTelemetry, // Jaeger's API v3

	"data": jaegerJSON, "spans": jaegerJSON, "processes": jaegerJSON,
	"hits": jaegerJSON, "_source": jaegerJSON, "_index": jaegerJSON, // Elasticsearch
	"spanID": jaegerJSON, "spanId": jaegerJSON, "span_id": jaegerJSON, "operationName": jaegerJSON,
	"references": jaegerJSON, "startTime": jaegerJSON, "startTimeMillis": jaegerJSON, "process": jaegerJSON,

	"id": zipkinJSON, "parentId": zipkinJSON, "localEndpoint": zipkinJSON, "remoteEndpoint": zipkinJSON,
	"timestamp": zipkinJSON, "annotations": zipkinJSON, "shared": zipkinJSON,
}

// others are keys of JSON that is not read.
var others = map[string]string{
	"traceEvents":     "a trace for Chrome or Perfetto",
	"resourceMetrics": "metrics in OTLP",
	"resourceLogs":    "logs in OTLP",
	"traces":          "a list of traces without their spans, as Tempo's search answers",
}

// maxScanned bounds how far jsonFormat looks for a key.
const maxScanned = 1 << 20

// jsonFormat returns the format of JSON by the keys of its first object, or of the next one if that
// is empty. It looks into arrays, also nested ones. It returns undecided if the JSON is malformed,
// or has no objects: a reader then says where it goes wrong.
func jsonFormat(r io.Reader) (format, *Unknown) {
	d := json.NewDecoder(io.LimitReader(r, maxScanned))
	var seen []string
	for objects := 0; ; {
		token, err := d.Token()
		if err == io.EOF && objects > 0 {
			return undecided, &Unknown{Found: "JSON without spans: an empty object"}
		} else if err != nil {
			return undecided, nil
		}
		if token != json.Delim('{') {
			continue
		}
		objects++
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return undecided, nil
			}
			name, _ := key.(string)
			if f, ok := keys[name]; ok {
				return f, nil
			}
			if found, ok := others[name]; ok {
				return undecided, &Unknown{Found: found}
			}
			if len(seen) < 5 {
				seen = append(seen, strconv.Quote(name))
			}
			if skip(d) != nil {
				return undecided, nil
			}
		}
		if len(seen) > 0 {
			return undecided, &Unknown{Found: "JSON without spans: its keys are " + strings.Join(seen, ", ")}
		}
	}
}

// skip reads the next value.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
