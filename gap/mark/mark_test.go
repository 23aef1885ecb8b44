package mark_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/mark"
)

var (
	trace = gap.TraceID{Low: 0x4bf92f3577b34da6}
	long  = gap.TraceID{High: 1, Low: 2}
	start = time.Unix(0, 1732791234123456789)
)

func TestAppendAndParse(t *testing.T) {
	for want, m := range map[string]mark.Mark{
		"v1 4bf92f3577b34da6 00f067aa0ba902b7 - internal ok 1732791234123456789 1500000 0 shop\tGET /cart": {
			TraceID: trace, SpanID: 0xf067aa0ba902b7, Start: start, Duration: 1500 * time.Microsecond,
			Service: "shop", Operation: "GET /cart",
		},
		"v1 00000000000000010000000000000002 fedcba9876543210 " +
			"c000000000000000a,f000000000000000b@4bf92f3577b34da6 client error -1 -2 120 a b\tc d": {
			TraceID: long, SpanID: 0xfedcba9876543210, Start: time.Unix(0, -1), Duration: -2, JoinedUS: 120,
			References: []gap.Reference{
				{Type: gap.ChildOf, TraceID: long, SpanID: 10},
				{Type: gap.FollowsFrom, TraceID: trace, SpanID: 11},
			},
			Kind: gap.KindClient, Error: true, Service: "a b", Operation: "c d",
		},
		"v1 0000000000000000 0000000000000000 - consumer ok 0 0 0 \t": {Kind: gap.KindConsumer, Start: time.Unix(0, 0)},
	} {
		text := string(m.Append(nil))
		if text != want {
			t.Errorf("got  %q\nwant %q", text, want)
		}
		if parsed, err := mark.Parse(text); err != nil || !reflect.DeepEqual(parsed, m) {
			t.Errorf("%q: %v\ngot  %+v\nwant %+v", text, err, parsed, m)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "mark: unknown version; known is v1",
		"v2 1":                "mark: unknown version; known is v1",
		"v1":                  `mark: trace "": want 16 hexadecimal digits`,
		"v1 +00000000000000a": `mark: trace "+00000000000000a": want 16 hexadecimal digits`,
		"v1 4bf92f3577b34da6 1 - client ok 1 1 0 a\tb":                 `mark: span "1": want 16 hexadecimal digits`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 x client ok 1 1 0 a\tb":  `mark: references "x": want c or f and a span's ID`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 c1 client ok 1 1 0 a\tb": `mark: references "1": want 16 hexadecimal digits`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 ,,,,,,,, client ok 1 1 0 a\tb": `mark: references ",,,,,,,,": ` +
			`want at most 8`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 - Client ok 1 1 0 a\tb": `mark: kind "Client": ` +
			`want internal, client, server, producer or consumer`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 - client 1 1 1 0 a\tb":   `mark: status "1": want ok or error`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 - client ok x 1 0 a\tb":  `mark: start "x": want a number of 64 bits`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 - client ok 1 1s 0 a\tb": `mark: duration "1s": want a number of 64 bits`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 - client ok 1 1 - a\tb":  `mark: joined "-": want a number of 64 bits`,
		"v1 4bf92f3577b34da6 4bf92f3577b34da6 - client ok 1 1 0 a b":   `mark: service "a b": want a tab after it`,
		"v1 " + strings.Repeat("\xff", 1000): `mark: trace "` + strings.Repeat(`\xff`, 64) +
			`": want 16 hexadecimal digits`,
	} {
		if m, err := mark.Parse(text); err == nil || err.Error() != want || !reflect.DeepEqual(m, mark.Mark{}) {
			t.Errorf("%q: %+v\ngot  %v\nwant %s", text, m, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	euros := strings.Repeat("€", 43) // 129 bytes
	for name, want := range map[string]string{
		"a\nb\tc\x7fd\u0085e":          "a b c d e",
		"GET /caf\u00e9":               "GET /caf\u00e9",
		"a\xffb":                       "a\ufffdb",
		strings.Repeat("x", 128):       strings.Repeat("x", 128),
		strings.Repeat("x", 129):       strings.Repeat("x", 128),
		euros:                          euros[:126],
		strings.Repeat("\xff", 1<<20):  strings.Repeat("\ufffd", 42),
		strings.Repeat("x", 127) + "é": strings.Repeat("x", 127),
	} {
		m := mark.Mark{Service: name, Operation: name + " wait"}
		parsed, err := mark.Parse(string(m.Append(nil)))
		operation, isWait := strings.CutSuffix(parsed.Operation, " wait")
		if err != nil || parsed.Service != want || !isWait || !strings.HasPrefix(want, operation) ||
			len(operation) < min(len(want), mark.MaxName-len(" wait")-utf8.UTFMax+1) {
			t.Errorf("%.200q: %v, service %q, operation %q", name, err, parsed.Service, parsed.Operation)
		}
	}
}

// Package gap knows a later wait by its operation: that of its call, and " wait".
func TestTruncatedWaitBelongsToItsCall(t *testing.T) {
	for _, letter := range []string{"x", "é", "€", "\n", "\xff", "wait "} {
		for length := range 300 {
			operation := strings.Repeat(letter, 300)[:length]
			call, wait := mark.Mark{Operation: operation}, mark.Mark{Operation: operation + " wait"}
			if strings.HasSuffix(operation, " wait") {
				continue // the program's own name
			}
			parsedCall, err := mark.Parse(string(call.Append(nil)))
			parsedWait, waitErr := mark.Parse(string(wait.Append(nil)))
			if err != nil || waitErr != nil || parsedWait.Operation != parsedCall.Operation+" wait" {
				t.Errorf("%v %v: call %q, wait %q", err, waitErr, parsedCall.Operation, parsedWait.Operation)
			}
		}
	}
}

// The runtime truncates messages of more than 1,024 bytes.
func TestLongestMessage(t *testing.T) {
	m := mark.Mark{
		TraceID: long, Kind: gap.KindInternal, Error: true, Start: time.Unix(0, math.MinInt64),
		Duration: math.MinInt64, JoinedUS: math.MinInt64,
		Service: strings.Repeat("x", 1000), Operation: strings.Repeat("x", 1000),
	}
	for range 20 {
		m.References = append(m.References, gap.Reference{TraceID: gap.TraceID{High: 5}, SpanID: 1})
	}
	if n := len(m.Append(nil)); n > 1024 {
		t.Errorf("%d bytes", n)
	}
}

func TestStartIsClamped(t *testing.T) {
	for want, at := range map[int64]time.Time{
		math.MinInt64: {}, // the year 1
		math.MaxInt64: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		m := mark.Mark{Start: at, Kind: 200}
		parsed, err := mark.Parse(string(m.Append(nil)))
		if err != nil || parsed.Start.UnixNano() != want || parsed.Kind != gap.KindInternal {
			t.Errorf("%v: %v, %+v", at, err, parsed)
		}
	}
}

type kindEnum string // as ext.SpanKindEnum

// bomb panics if a method of it is called.
type bomb string

func (bomb) String() string { panic("called") }

func TestSetTag(t *testing.T) {
	for _, test := range []struct {
		key   string
		value any
		want  mark.Mark
	}{
		{"span.kind", "server", mark.Mark{Kind: gap.KindServer}},
		{"span.kind", "CLIENT", mark.Mark{Kind: gap.KindClient}},
		{"span.kind", kindEnum("producer"), mark.Mark{Kind: gap.KindProducer}},
		{"span.kind", bomb("other"), mark.Mark{}},
		{"span.kind", nil, mark.Mark{}},
		{"error", true, mark.Mark{Error: true}},
		{"error", "true", mark.Mark{Error: true}},
		{"error", false, mark.Mark{}},
		{"error", []int{1}, mark.Mark{}},
		{"wait.joined_us", int64(5), mark.Mark{JoinedUS: 5}},
		{"wait.joined_us", 5, mark.Mark{JoinedUS: 5}},
		{"wait.joined_us", "5", mark.Mark{}},
		{"db.statement", "SELECT 1", mark.Mark{}},
	} {
		var m mark.Mark
		if m.SetTag(test.key, test.value); !reflect.DeepEqual(m, test.want) {
			t.Errorf("%s=%v: %+v", test.key, test.value, m)
		}
	}
	m := mark.Mark{Kind: gap.KindClient, Error: true, JoinedUS: 5}
	m.SetTag("span.kind", "internal")
	m.SetTag("error", false)
	m.SetTag("wait.joined_us", 0)
	if !reflect.DeepEqual(m, mark.Mark{}) {
		t.Errorf("the last value does not count: %+v", m)
	}
}

// What package gap reads from the span's tags is what SetTag was given.
func TestSpanHasTags(t *testing.T) {
	m := mark.Mark{
		Kind: gap.KindServer, Error: true, JoinedUS: 7, Operation: "a", References: []gap.Reference{{SpanID: 1}},
	}
	process := &gap.Process{Service: "shop"}
	s := m.Span(process)
	var back mark.Mark
	for _, tag := range s.Tags {
		back.SetTag(tag.Key, tag.Value)
	}
	if len(s.Tags) != 3 || back.Kind != m.Kind || back.Error != m.Error || back.JoinedUS != m.JoinedUS ||
		s.Process != process || s.Operation != "a" || len(s.References) != 1 {
		t.Errorf("%+v", s)
	}
	if s := new(mark.Mark).Span(nil); len(s.Tags) != 0 {
		t.Errorf("tags %v", s.Tags)
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	m := mark.Mark{TraceID: trace, Service: "shop", Operation: "café", References: []gap.Reference{{SpanID: 1}}}
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { m.Append(buf) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Parse never panics, and what it accepts is stable once Append has written it.
func FuzzParse(f *testing.F) {
	f.Add("v1 4bf92f3577b34da6 00f067aa0ba902b7 c53995c3f42cd8ad8 client ok 1732791234123456789 1500000 0 shop\tGET")
	f.Add("v1 00000000000000010000000000000002 0000000000000001 " +
		"f0000000000000001@4bf92f3577b34da6 server error -1 1 2 \t\xff")
	f.Add("v1 4bf92f3577b34da6 00f067aa0ba902b7 - internal ok +1 1 0 a\t\n\t")
	f.Add("v2")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := mark.Parse(text)
		if err != nil {
			return
		}
		first := string(m.Append(nil))
		again, err := mark.Parse(first)
		if err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		if second := string(again.Append(nil)); second != first {
			t.Fatalf("%q became %q", first, second)
		}
	})
}

// Whatever the names are, the message parses, and nothing but the names changes.
func FuzzAppend(f *testing.F) {
	f.Add("shop", "GET /cart", uint64(1), uint64(2), int64(3), int64(4), true)
	f.Add("a\tb c", "\xff\n€", uint64(math.MaxUint64), uint64(0), int64(math.MinInt64), int64(math.MaxInt64), false)
	f.Fuzz(func(t *testing.T, service, operation string, high, low uint64, at, length int64, failed bool) {
		at /= 2 // or it is clamped
		m := mark.Mark{
			TraceID: gap.TraceID{High: high, Low: low}, SpanID: gap.SpanID(low), Kind: gap.Kind(low % 5), Error: failed,
			Start: time.Unix(0, at), Duration: time.Duration(length), JoinedUS: at, Service: service, Operation: operation,
			References: []gap.Reference{{TraceID: gap.TraceID{Low: high | 1}, SpanID: gap.SpanID(high)}},
		}
		parsed, err := mark.Parse(string(m.Append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{parsed.Service, parsed.Operation} {
			if len(name) > mark.MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
				t.Errorf("name %q", name)
			}
		}
		parsed.Service, parsed.Operation = service, operation
		if !reflect.DeepEqual(parsed, m) {
			t.Errorf("got  %+v\nwant %+v", parsed, m)
		}
	})
}
