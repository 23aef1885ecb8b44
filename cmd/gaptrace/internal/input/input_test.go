package input

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"

	"github.com/gaptrace/gaptrace/gap/read"
)

const jaegerTrace = `{"data":[{"traceID":"a1","spans":[` +
	`{"traceID":"a1","spanID":"1","operationName":"op","startTime":1000,"duration":50}]}]}`

// jaegerInBzip2 is jaegerTrace, compressed by a program.
const jaegerInBzip2 = "QlpoOTFBWSZTWSfJFLYAADifgBAEYhAEIQQKLiPeCiAAdBKp6aTNQB6g0xBKEmnqNqDQA0knN7pU47rM+oygxEApGUnHGAzSkC+zLDSLDuRpE0JFT4n6xKtoIkBhaCYl3m88NlZBTfmxS5+LuSKcKEgT5IpbAA=="

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

func inUTF16(order binary.AppendByteOrder, text string) (b []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return b
}

// operations reads an input, and returns the operations of its spans, separated by spaces.
func operations(r io.Reader, opts ...read.Option) (string, error) {
	var names []string
	var errs []error
	for spans, err := range Read(r, opts...) {
		errs = append(errs, err)
		for _, s := range spans {
			names = append(names, s.Operation)
		}
	}
	return strings.Join(names, " "), errors.Join(errs...)
}

func TestReadFindsCompressionAndEncoding(t *testing.T) {
	bzip2, err := base64.StdEncoding.DecodeString(jaegerInBzip2)
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte(jaegerTrace)
	for name, data := range map[string][]byte{
		"plain":                       plain,
		"gzip":                        gzipped(t, plain),
		"several gzip members":        append(gzipped(t, plain[:20]), gzipped(t, plain[20:])...),
		"zstd":                        zstandard(t, plain),
		"several zstd frames":         append(zstandard(t, plain[:20]), zstandard(t, plain[20:])...),
		"bzip2":                       bzip2,
		"gzip in zstd":                zstandard(t, gzipped(t, plain)),
		"a byte order mark":           append([]byte("\ufeff"), plain...),
		"UTF-16, little endian":       inUTF16(binary.LittleEndian, "\ufeff"+jaegerTrace),
		"UTF-16, big endian":          inUTF16(binary.BigEndian, "\ufeff"+jaegerTrace),
		"UTF-16 without a mark":       inUTF16(binary.LittleEndian, jaegerTrace),
		"big endian without a mark":   inUTF16(binary.BigEndian, jaegerTrace),
		"UTF-16 in gzip":              gzipped(t, inUTF16(binary.LittleEndian, "\ufeff"+jaegerTrace)),
		"white space before":          append([]byte("\n\n \t"), plain...),
		"an empty array before":       append([]byte("[]\n"), plain...),
		"a key before, with 100 kB":   []byte(`{"x":"` + strings.Repeat("x", 100_000) + `",` + jaegerTrace[1:]),
		"keys of no format before":    []byte(`{"total":0,"limit":[{"data":1}],` + jaegerTrace[1:]),
		"elements that are no object": []byte("[null,[" + jaegerTrace + "]]"),
	} {
		for way, r := range map[string]io.Reader{
			"at once": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data)),
		} {
			if got, err := operations(r); got != "op" || err != nil {
				t.Errorf("%s, %s: %q, %v", name, way, got, err)
			}
		}
	}
}

// field returns a field of a message in protobuf.
func field(number byte, content string) string {
	return string([]byte{number<<3 | 2, byte(len(content))}) + content
}

// inProtobuf returns an export request with a span of this name.
func inProtobuf(name string) string {
	span := field(1, strings.Repeat("a", 16)) + field(2, "12345678") + field(5, name) +
		"\x39\x00\x00\x00\x00\x00\x00\x00\x01" + "\x41\x01\x00\x00\x00\x00\x00\x00\x01" // start and end
	attribute := field(1, "service.name") + field(2, field(1, "shop"))
	return field(1, field(1, field(1, attribute))+field(2, field(2, span)))
}

func TestReadFindsTheFormat(t *testing.T) {
	const (
		otlpSpan = `{"traceId":"000000000000000000000000000000a1","spanId":"0000000000000001","name":"op",` +
			`"startTimeUnixNano":"1000000","endTimeUnixNano":"1050000"}`
		resource   = `[{"resource":{"attributes":[]},"scopeSpans":[{"spans":[` + otlpSpan + `]}]}]`
		jaegerSpan = `{"traceID":"a1","spanID":"1","operationName":"op","startTime":1000,"duration":50,` +
			`"process":{"serviceName":"shop"}}`
		zipkinSpan = `{"traceId":"a1","name":"op","id":"1","timestamp":1000,"duration":50}`
	)
	request := inProtobuf("op")
	for name, data := range map[string]string{
		"Jaeger: a trace":                        `{"traceID":"a1","spans":[` + jaegerSpan + `]}`,
		"Jaeger: an array of traces":             `[{"traceID":"a1","processes":{},"spans":[` + jaegerSpan + `]}]`,
		"Jaeger: an answer after an error":       `{"errors":null,"data":[{"spans":[` + jaegerSpan + `]}]}`,
		"Elasticsearch: documents":               jaegerSpan + "\n" + jaegerSpan,
		"Elasticsearch: an array":                "[" + jaegerSpan + "]",
		"Elasticsearch: elasticdump":             `{"_index":"jaeger-span","_source":` + jaegerSpan + `}`,
		"Elasticsearch: a search answer":         `{"took":1,"timed_out":false,"hits":{"hits":[{"_source":` + jaegerSpan + `}]}}`,
		"Zipkin: an array":                       "[" + zipkinSpan + "]",
		"Zipkin: an array of arrays":             "[[],[" + zipkinSpan + "]]",
		"Zipkin: lines":                          zipkinSpan + "\n" + zipkinSpan,
		"OTLP: a request":                        `{"resourceSpans":` + resource + `}`,
		"OTLP: lines":                            strings.Repeat(`{"resourceSpans":`+resource+"}\n", 2),
		"OTLP: Jaeger's API v3":                  `{"result":{"resourceSpans":` + resource + `}}`,
		"OTLP: Tempo":                            `{"batches":` + resource + `}`,
		"OTLP: Tempo's API v2":                   `{"trace":{"resourceSpans":` + resource + `}}`,
		"OTLP: protobuf":                         request,
		"OTLP: protobuf, sizes in four bytes":    "\x00\x00\x00" + string(rune(len(request))) + request,
		"OTLP: protobuf, sizes as varints":       string(rune(len(request))) + request,
		"OTLP: protobuf that begins like JSON":   inProtobuf("op" + strings.Repeat(" ", '{'-len(request))),
		"OTLP: protobuf that begins like JSON [": inProtobuf("op" + strings.Repeat(" ", '['-len(request))),
	} {
		for way, data := range map[string]string{
			"": data, ", in gzip": string(gzipped(t, []byte(data))), ", in zstd": string(zstandard(t, []byte(data))),
		} {
			got, err := operations(strings.NewReader(data))
			if words := strings.Fields(got); len(words) == 0 || words[0] != "op" || words[len(words)-1] != "op" || err != nil {
				t.Errorf("%s%s: %q, %v", name, way, got, err)
			}
		}
	}
}

// The Collector's file exporter compresses each message by itself, in JSON and in protobuf.
func TestReadFilesThatTheCollectorCompressed(t *testing.T) {
	const request = `{"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[{"spans":[{"traceId":` +
		`"000000000000000000000000000000a1","spanId":"0000000000000001","name":"op","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}`
	framed := func(message string) string {
		frame := zstandard(t, []byte(message))
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(frame)))) + string(frame)
	}
	for name, message := range map[string]string{
		"JSON": request, "protobuf": inProtobuf("op"),
		"Zipkin's JSON, by an encoding extension": `[{"traceId":"a1","id":"1","name":"op","timestamp":1,"duration":1}]`,
	} {
		data := framed(message) + framed(message)
		for way, r := range map[string]io.Reader{
			"at once": strings.NewReader(data), "byte by byte": iotest.OneByteReader(strings.NewReader(data)),
		} {
			if got, err := operations(r); got != "op op" || err != nil {
				t.Errorf("%s, %s: %q, %v", name, way, got, err)
			}
		}
		if got, err := operations(strings.NewReader(data[:len(data)-5])); got != "op" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s, truncated: %q, %v", name, got, err)
		}
		if _, err := operations(strings.NewReader(data), read.WithMaxBytes(50)); !errors.Is(err, read.TooLargeError(50)) {
			t.Errorf("%s, too large: %v", name, err)
		}
	}
	message := inProtobuf("op")
	prefixed := string(binary.BigEndian.AppendUint32(nil, uint32(len(message)))) + message
	const none = "\x00\x00\x00\x00" // an empty message, or one that a release of the encoder has given no frame
	for name, data := range map[string]string{
		"empty messages":                 framed("") + framed("") + framed(message) + framed("") + framed(message),
		"empty messages without a frame": none + none + framed(message) + none + framed(message),
		"empty messages, not compressed": none + none + prefixed + none + prefixed,
	} {
		if got, err := operations(strings.NewReader(data)); got != "op op" || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := operations(strings.NewReader(framed(request) + "\x7f\xff\xff\xff")); got != "op" || err == nil {
		t.Errorf("an endless message: %q, %v", got, err)
	}
}

// With its feature gate for native compression, the file exporter compresses the whole file: in one
// frame, or with rotation in one for each write, or in several for a large message.
func TestReadFilesThatTheCollectorCompressedAsAWhole(t *testing.T) {
	message := inProtobuf("op")
	for name, data := range map[string]string{
		"lines":    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"a1","spanId":"01","name":"op"}]}]}]}` + "\n",
		"protobuf": string(binary.BigEndian.AppendUint32(nil, uint32(len(message)))) + message,
	} {
		for layout, file := range map[string][]byte{
			"one frame":              zstandard(t, []byte(data+data)),
			"a frame for each write": append(zstandard(t, []byte(data)), zstandard(t, []byte(data))...),
			"two frames for a write": append(zstandard(t, []byte(data+data[:9])), zstandard(t, []byte(data[9:]))...),
		} {
			if got, err := operations(bytes.NewReader(file)); got != "op op" || err != nil {
				t.Errorf("%s, %s: %q, %v", name, layout, got, err)
			}
		}
	}
}

// Surrogates, also half of a pair, and a text with an odd number of bytes.
func TestUTF16(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		want string
		err  error
	}{
		"a pair":          {inUTF16(binary.LittleEndian, "\ufeff{é😀}"), "\ufeff{é😀}", nil},
		"half a pair":     {[]byte("\xfe\xff\xd8\x3d\x00a"), "\ufeff\ufffda", nil},
		"half at the end": {[]byte("\xfe\xff\x00a\xd8\x3d"), "\ufeffa\ufffd", nil},
		"half a unit":     {[]byte("\xfe\xff\x00a\x00"), "\ufeffa", io.ErrUnexpectedEOF},
		"longer than a buffer": {
			inUTF16(binary.BigEndian, "\ufeff"+strings.Repeat("😀x", 100_000)), "\ufeff" + strings.Repeat("😀x", 100_000), nil,
		},
	} {
		for way, r := range map[string]io.Reader{
			"at once": bytes.NewReader(test.data), "byte by byte": iotest.OneByteReader(bytes.NewReader(test.data)),
		} {
			in, converted := fromUTF16(bufio.NewReader(r))
			got, err := io.ReadAll(in)
			if !converted || string(got) != test.want || !errors.Is(err, test.err) {
				t.Errorf("%s, %s: %.40q, %v", name, way, got, err)
			}
		}
	}
}

func TestUnknownSaysWhatWasFound(t *testing.T) {
	var archive, zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	if _, err := z.Create("spans.json"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "a.json", Mode: 0o644, Size: int64(len(jaegerTrace))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(jaegerTrace)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		zipped.String():                     "is a zip file: unzip it;",
		archive.String():                    "is a tar archive: extract it, as in tar -xOf",
		string(gzipped(t, archive.Bytes())): "is compressed, and its content is a tar archive",
		"\xfd7zXZ\x00\x00\x04":              "is compressed by xz: decompress it, as in xz -dc",
		"\x04\x22\x4d\x18\x64":              "is compressed by lz4",
		"go 1.26 trace\x00\x00\x00":         "is an execution trace of the Go runtime: run gaptrace explain on it",
		string(gzipped(t, []byte("\x0a\x04\x08\x01\x10\x02\x0a\x04"))): "is compressed, and its content is a profile: run go tool pprof",
		"<!DOCTYPE html><title>Log in</title>":                         "is a web page",
		"  <HTML>":                                                     "is a web page",
		"<?xml version=\"1.0\"?>":                                      "is XML or a web page",
		"":                                                             "is empty;",
		" \n":                                                          "is empty;",
		"\ufeff":                                                       "is empty;",
		"trace_id,span_id\n1,2\n":                                      `is text that begins with "trace_id,span_id"`,
		"\x1b[31mred\n":                                                "is binary data that begins with 1b 5b 33 31",
		"\x80\x02\x00":                                                 "is binary data that begins with 80 02 00",
		"PAR1....":                                                     "is a Parquet file",
		`{"traceEvents":[]}`:                                           "is a trace for Chrome or Perfetto",
		`{}`:                                                           "is JSON without spans: an empty object;",
		"[ {}\n] {}":                                                   "is JSON without spans: an empty object;",
		`{"resourceMetrics":[]}`:                                       "is metrics in OTLP",
		`{"traces":[{"traceID":"a1"}]}`:                                "is a list of traces without their spans, as Tempo's search answers",
		`{"name":"x","version":[1,{"spans":2}]}`:                       `is JSON without spans: its keys are "name", "version"`,
		string(gzipped(t, gzipped(t, gzipped(t, []byte(jaegerTrace))))): "is compressed, and its content is compressed more than twice",
	} {
		got, err := operations(strings.NewReader(data), read.WithName("x.bin"))
		e, ok := errors.AsType[*Unknown](err)
		if !ok || got != "" || !strings.HasPrefix(e.Error(), "x.bin "+want) || !strings.HasSuffix(e.Error(), Formats) {
			t.Errorf("%.40q: %v, want %s", data, err, want)
		}
	}
}

func TestMalformedInputIsReportedAtItsByte(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"plain": {[]byte(`{"data":[1]}`), "x: byte 9: expected a trace"},
		"gzip":  {gzipped(t, []byte(`{"data":[1]}`)), "x: byte 9 of the decompressed text: expected"},
		"UTF-16": {
			inUTF16(binary.LittleEndian, `{"data":[1]}`), "(bytes are those of the text in UTF-8)",
		},
		"a key cut in two": {[]byte(`{"tra`), "x: byte 5: expected the end of a string, found the end"},
		"numbers":          {[]byte(`[1,2]`), "x: byte 1: expected"},
		"truncated gzip":   {gzipped(t, []byte(jaegerTrace))[:40], "x: byte "},
		"not really gzip":  {[]byte("\x1f\x8b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "x: byte 0: gzip: invalid header"},
		"not really zstd":  {[]byte(zstdMagic + "garbage"), "x: byte 0 of the decompressed text: "},
		"not really bzip2": {[]byte("BZh9garbage"), "x: byte 0 of the decompressed text: "},
	} {
		if _, err := operations(bytes.NewReader(test.data), read.WithName("x")); err == nil ||
			!strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// A few bytes may decompress to many.
func TestDecompressionIsBounded(t *testing.T) {
	bomb := []byte(`{"data":[` + strings.Repeat(" ", 1<<20))
	for name, data := range map[string][]byte{
		"plain": bomb, "gzip": gzipped(t, bomb), "zstd": zstandard(t, bomb), "twice": gzipped(t, zstandard(t, bomb)),
		"before a key": gzipped(t, []byte(`{`+strings.Repeat(" ", 1<<20))),
		"white space":  gzipped(t, []byte(strings.Repeat(" ", 1<<20))),
	} {
		_, err := operations(bytes.NewReader(data), read.WithMaxBytes(1000))
		if want := read.TooLargeError(1000); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A frame of zstd may ask for any window. It is allocated before anything is read.
func TestZstdWindowIsBounded(t *testing.T) {
	// Window descriptor 0xa0: 1<<30 bytes.
	_, err := operations(strings.NewReader(zstdMagic + "\x00\xa0" + "\x01\x00\x00"))
	if err == nil || !strings.Contains(err.Error(), "window") {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		jaegerTrace, "\x1f\x8b", zstdMagic, "BZh9", "\xff\xfe{\x00", "\n\x02\n\x00", "\x00\x00\x00\x04\n\x02\n\x00",
		"{\"id\":\"1\"}", "[[{", "{\"trace\":{\"batches\":[]}}", "PK\x03\x04", "\ufeff{", "\n{\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		once, errOnce := operations(bytes.NewReader(data), read.WithMaxBytes(1<<20))
		slowly, errSlowly := operations(iotest.OneByteReader(bytes.NewReader(data)), read.WithMaxBytes(1<<20))
		if once != slowly || (errOnce == nil) != (errSlowly == nil) {
			t.Errorf("%q, %v; byte by byte: %q, %v", once, errOnce, slowly, errSlowly)
		}
	})
}
