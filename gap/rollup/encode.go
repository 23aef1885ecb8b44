package rollup

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
)

// The version of rows. The fields of a row end with a semicolon. Numbers have base 32, in digits
// and lower-case letters. The bytes of strings that would be ambiguous are escaped as %XX.
//
//	key TAB version;span ID;start in ns since 1970;duration;service, or - for no process;operation;
//	    z                     the span has no trace ID: the key is that of its object
//	    c or f, span ID       ChildOf or FollowsFrom; with "." if its trace ID is zero, or with
//	                          "." left half "." right half if it is not the span's
//	    k, letter             tag span.kind
//	    e                     tag error=true
//	    j, number             tag wait.joined_us
//	    t, type, key=value    any other tag
//	    w or W, hash          warnings; W if one of them says that Jaeger moved the span
//	    h, index, type, value tag of the process that identifies a machine, see hostTags
//	    p, hash               all tags of the process, if it has others
//	    .                     the end, without a semicolon: a row without it is truncated
const rowVersion = 1

const (
	keyLength = 32
)

// maxRow bounds the length of a row.
const maxRow = 16 << 20

// kinds are the letters for values of the tag span.kind.
var kinds = [...]struct {
	letter byte
	tag    gap.Field
}{
	{'c', gap.Field{Key: "span.kind", Value: "client"}},
	{'s', gap.Field{Key: "span.kind", Value: "server"}},
	{'p', gap.Field{Key: "span.kind", Value: "producer"}},
	{'n', gap.Field{Key: "span.kind", Value: "consumer"}},
	{'i', gap.Field{Key: "span.kind", Value: "internal"}},
}

// neededTags are the tags of spans that analysis needs, see read.WithTags.
var neededTags = []string{"span.kind", "error", "wait.joined_us", "recorder.dropped_spans", "recorder.cut"}

// hostTags are the tags of processes by which gap.Build decides whether two share a clock. For all
// other tags, it only matters whether they are equal. Rows have an index into this list, so its
// order never changes.
var hostTags = [...]string{"ip", "hostname", "host.id", "host.ip", "host.name"}

// movedByJaeger is part of the warning that Jaeger adds to a span that it has moved.
const movedByJaeger = "timestamps were adjusted by"

// Encoder encodes spans as rows. It is not safe for concurrent use.
type Encoder struct {
	keys      []string // of the tags to keep
	processes map[*gap.Process]encodedProcess
	last      *gap.Process   // the process of the last span
	lastText  encodedProcess // its encoding
	objects   uint64         // how many had spans without a trace ID
}

type encodedProcess struct{ service, tags string }

// NewEncoder returns an [Encoder]. Rows have the tags that analysis needs, and those with the given
// keys: the key for [Options.By].
func NewEncoder(keys ...string) *Encoder {
	return &Encoder{keys: slices.Concat(neededTags, keys), processes: map[*gap.Process]encodedProcess{}}
}

// AppendRows appends the rows of spans to b, and returns the extended buffer. The spans are those
// that a reader yields together, which need not be a whole trace. Those without a trace ID together
// count as one trace. Their rows also depend on the calls before. All other rows depend on the
// spans alone.
//
// An error means that the row of a span would be longer than 16 MiB. The other rows have been
// appended. Do not change a process after its first use.
func (e *Encoder) AppendRows(b []byte, spans []gap.Span) ([]byte, error) {
	var tooLong error
	var object gap.TraceID // for all spans without a trace ID
	for i := range spans {
		s := &spans[i]
		id := s.TraceID
		if id == (gap.TraceID{}) {
			if object == (gap.TraceID{}) {
				object = e.object(spans)
			}
			id = object
		}
		start := len(b)
		b = e.appendRow(b, id, s)
		if length := len(b) - start; length > maxRow {
			b = b[:start]
			tooLong = fmt.Errorf("span %v of trace %v needs a row of %d bytes, and the most is %d",
				s.SpanID, s.TraceID, length, maxRow)
		}
	}
	return b, tooLong
}

// object returns the key for the spans without a trace ID. Each call returns another key. Calls in
// other programs do, too, unless their spans are equal.
func (e *Encoder) object(spans []gap.Span) gap.TraceID {
	e.objects++
	left, right := newHash(), newHash()
	right.number(e.objects)
	var row []byte
	for i := range spans {
		if spans[i].TraceID == (gap.TraceID{}) {
			row = e.appendRow(row[:0], gap.TraceID{}, &spans[i])
			left.bytes(row)
			right.bytes(row)
		}
	}
	return gap.TraceID{High: uint64(left) | 1, Low: uint64(right) | 1} // neither is zero
}

func (e *Encoder) appendRow(b []byte, id gap.TraceID, s *gap.Span) []byte {
	b = appendKey(b, id)
	b = append(b, '\t')
	b = append(appendNumber(b, rowVersion), ';')
	b = append(appendNumber(b, uint64(s.SpanID)), ';')
	b = append(appendTime(b, s.Start), ';')
	b = append(appendSigned(b, int64(s.Duration)), ';')
	process := e.process(s.Process)
	b = append(append(b, process.service...), ';')
	b = append(appendEscaped(b, s.Operation), ';')
	if s.TraceID == (gap.TraceID{}) {
		b = append(b, "z;"...)
	}
	for _, ref := range s.References {
		b = append(appendReference(b, ref, s.TraceID), ';')
	}
	for i := range s.Tags {
		if slices.Contains(e.keys, s.Tags[i].Key) {
			b = append(appendTag(b, &s.Tags[i]), ';')
		}
	}
	if s.Warnings != nil {
		b = appendWarnings(b, s.Warnings)
	}
	b = append(b, process.tags...)
	return append(b, ".\n"...)
}

// appendKey appends the right half of a trace ID, then its left half.
func appendKey(b []byte, id gap.TraceID) []byte {
	for _, half := range [...]uint64{id.Low, id.High} {
		for shift := 60; shift >= 0; shift -= 4 {
			b = append(b, "0123456789abcdef"[half>>shift&15])
		}
	}
	return b
}

func appendNumber(b []byte, n uint64) []byte {
	digits := 1
	for rest := n >> 5; rest > 0; rest >>= 5 {
		digits++
	}
	for shift := 5 * (digits - 1); shift >= 0; shift -= 5 {
		b = append(b, "0123456789abcdefghijklmnopqrstuv"[n>>shift&31])
	}
	return b
}

func appendSigned(b []byte, n int64) []byte {
	if n < 0 {
		return appendNumber(append(b, '-'), -uint64(n))
	}
	return appendNumber(b, uint64(n))
}

// maxSeconds is how far from 1970 a time may be that is encoded as nanoseconds.
const maxSeconds = math.MaxInt64/1_000_000_000 - 1

// appendTime appends a time in nanoseconds, or in seconds "." nanoseconds if they do not fit.
func appendTime(b []byte, t time.Time) []byte {
	seconds, ns := t.Unix(), t.Nanosecond()
	if -maxSeconds <= seconds && seconds <= maxSeconds {
		return appendSigned(b, seconds*1_000_000_000+int64(ns))
	}
	return appendNumber(append(appendSigned(b, seconds), '.'), uint64(ns))
}

func appendReference(b []byte, ref gap.Reference, own gap.TraceID) []byte {
	letter := byte('c')
	if ref.Type != gap.ChildOf {
		letter = 'f'
	}
	b = appendNumber(append(b, letter), uint64(ref.SpanID))
	switch ref.TraceID {
	case own:
		return b
	case gap.TraceID{}:
		return append(b, '.')
	}
	b = appendNumber(append(b, '.'), ref.TraceID.High)
	return appendNumber(append(b, '.'), ref.TraceID.Low)
}

func appendTag(b []byte, tag *gap.Field) []byte {
	switch tag.Key {
	case "span.kind":
		for i := range kinds {
			if tag.Value == kinds[i].tag.Value {
				return append(b, 'k', kinds[i].letter)
			}
		}
	case "error":
		if tag.Value == true {
			return append(b, 'e')
		}
	case "wait.joined_us":
		if us, ok := tag.Value.(int64); ok {
			return appendSigned(append(b, 'j'), us)
		}
	}
	b = append(b, 't')
	typeAt := len(b)
	b = append(b, 0)
	b = append(appendEscaped(b, tag.Key), '=')
	var letter byte
	letter, b = appendValue(b, tag.Value)
	b[typeAt] = letter
	return b
}

// appendValue appends a value. It returns the letter of its type.
func appendValue(b []byte, value any) (letter byte, _ []byte) {
	switch v := value.(type) {
	case nil:
		return 'n', b
	case string:
		return 's', appendEscaped(b, v)
	case bool:
		if v {
			return 'b', append(b, '1')
		}
		return 'b', append(b, '0')
	case int64:
		return 'i', appendSigned(b, v)
	case float64:
		return 'd', appendNumber(b, math.Float64bits(v))
	case []byte:
		return 'x', appendEscaped(b, string(v))
	}
	switch v := reflect.ValueOf(value); { // types that gap.Field does not allow
	case v.CanInt():
		return 'i', appendSigned(b, v.Int())
	case v.CanUint():
		return 'i', appendSigned(b, int64(v.Uint()))
	case v.CanFloat():
		return 'd', appendNumber(b, math.Float64bits(v.Float()))
	}
	return 's', appendEscaped(b, fmt.Sprint(value))
}

func appendWarnings(b []byte, warnings []string) []byte {
	letter, h := byte('w'), newHash()
	for _, w := range warnings {
		if strings.Contains(w, movedByJaeger) {
			letter = 'W'
		}
		h.text(w)
	}
	return append(appendNumber(append(b, letter), uint64(h)), ';')
}

// maxProcesses bounds how many processes an Encoder or decoder remembers.
const maxProcesses = 4096

func (e *Encoder) process(p *gap.Process) encodedProcess {
	if p == nil {
		return encodedProcess{service: "-"}
	}
	if p == e.last {
		return e.lastText
	}
	known, ok := e.processes[p]
	if !ok {
		if len(e.processes) == maxProcesses {
			clear(e.processes)
		}
		known = encodeProcess(p)
		e.processes[p] = known
	}
	e.last, e.lastText = p, known
	return known
}

func encodeProcess(p *gap.Process) encodedProcess {
	service := string(appendEscaped(nil, p.Service))
	if service == "-" {
		service = "%2d"
	}
	var b []byte
	others, h := false, newHash()
	for i := range p.Tags {
		tag := &p.Tags[i]
		h.bytes(appendTag(nil, tag))
		host := slices.Index(hostTags[:], tag.Key)
		if host < 0 {
			others = true
			continue
		}
		b = append(b, 'h', '0'+byte(host))
		typeAt := len(b)
		b = append(b, 0)
		var letter byte
		letter, b = appendValue(b, tag.Value)
		b[typeAt] = letter
		b = append(b, ';')
	}
	if others {
		b = append(appendNumber(append(b, 'p'), uint64(h)), ';')
	}
	return encodedProcess{service, string(b)}
}

// appendEscaped appends a string. It escapes control characters, separators and what is not UTF-8,
// so that a row stays one line of text in any program.
func appendEscaped(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if !mustEscape[c] {
				i++
				continue
			}
		} else if _, n := utf8.DecodeRuneInString(s[i:]); n > 1 {
			i += n
			continue
		}
		b = append(b, s[from:i]...)
		b = append(b, '%', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		i++
		from = i
	}
	return append(b, s[from:]...)
}

var mustEscape = func() (escaped [utf8.RuneSelf]bool) {
	for c := range escaped {
		escaped[c] = c < ' ' || c == 0x7f || strings.ContainsRune(";%=", rune(c))
	}
	return escaped
}()

// hash is FNV-1a. It never changes, since rows have it.
type hash uint64

func newHash() hash { return 0xcbf29ce484222325 }

func (h *hash) bytes(b []byte) {
	for _, c := range b {
		*h = (*h ^ hash(c)) * 0x100000001b3
	}
}

func (h *hash) number(n uint64) { h.bytes(binary.LittleEndian.AppendUint64(nil, n)) }

// text adds a string with its length, so that it cannot run into the next one.
func (h *hash) text(s string) {
	h.number(uint64(len(s)))
	h.bytes([]byte(s))
}
