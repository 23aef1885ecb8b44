package rollup_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/rollup"
)

// everything has each field of a row.
var everything = []gap.Span{
	{
		TraceID: gap.TraceID{High: 1, Low: 0xabc}, SpanID: 33, Operation: "HTTP GET /books;\t%", Start: epoch,
		Duration: time.Millisecond,
		References: []gap.Reference{
			{TraceID: gap.TraceID{High: 1, Low: 0xabc}, SpanID: 2},
			{SpanID: 3},
			{Type: gap.FollowsFrom, TraceID: gap.TraceID{Low: 32}, SpanID: 4},
		},
		Tags: []gap.Field{
			{Key: "span.kind", Value: "server"},
			{Key: "error", Value: true},
			{Key: "wait.joined_us", Value: int64(-40)},
			{Key: "span.kind", Value: "SERVER"},
			{Key: "error", Value: false},
			{Key: "wait.joined_us", Value: 1.5},
			{Key: "recorder.cut", Value: []byte{0, 255}},
			{Key: "recorder.dropped_spans", Value: int64(64)},
			{Key: "http.route", Value: nil},
		},
		Process: &gap.Process{
			Service: "bookshop", Tags: []gap.Field{{Key: "ip", Value: "::1"}, {Key: "host.id", Value: int64(7)}},
		},
	},
	{SpanID: math.MaxUint64, Start: time.Time{}, Duration: -1},
}

// Rows that another release wrote must be readable, so these never change.
const version1 = "0000000000000abc0000000000000001\t1;11;1hr2qvpg6s000;ugi0;bookshop;HTTP GET /books%3b%09%25;" +
	"c2;c3.;f4.0.10;ks;e;j-18;tsspan.kind=SERVER;tberror=0;tdwait.joined_us=3vu0000000000;txrecorder.cut=%00%ff;" +
	"tirecorder.dropped_spans=20;tnhttp.route=;h0s::1;h2i7;.\n"

func TestRowsOfVersion1(t *testing.T) {
	b, err := rollup.NewEncoder("http.route").AppendRows(nil, everything[:1])
	if err != nil || string(b) != version1 {
		t.Errorf("got\n%s, %v, want\n%s", b, err, version1)
	}
	for spans, err := range rollup.Traces(strings.NewReader(version1)) {
		if err != nil || !reflect.DeepEqual(spans, everything[:1]) {
			t.Errorf("got %+v, %v", spans, err)
		}
	}
}

func TestRowsAreSmall(t *testing.T) {
	ip := &gap.Process{Service: "bookshop", Tags: []gap.Field{
		{Key: "hostname", Value: "bookshop-7d9c4b"},
		{Key: "ip", Value: "10.0.0.1"},
		{Key: "jaeger.version", Value: "Go-2.30.0"},
		{Key: "k8s.pod.labels", Value: strings.Repeat("x", 1000)},
	}}
	s := gap.Span{
		TraceID: gap.TraceID{Low: math.MaxUint64}, SpanID: math.MaxUint64, Operation: "HTTP GET /books/{id}",
		References: []gap.Reference{{SpanID: math.MaxUint64, TraceID: gap.TraceID{Low: math.MaxUint64}}},
		Start:      epoch, Duration: time.Second, Process: ip,
		Tags: []gap.Field{{Key: "span.kind", Value: "client"}, {Key: "db.statement", Value: strings.Repeat("x", 1000)}},
		Logs: []gap.Log{{Time: epoch}},
	}
	b, err := rollup.NewEncoder().AppendRows(nil, []gap.Span{s})
	if err != nil || len(b) > 175 {
		t.Errorf("%d bytes: %s, %v", len(b), b, err)
	}
}

func TestSpansWithoutTraceID(t *testing.T) {
	unknown := []gap.Span{{SpanID: 1, Duration: 5}, {SpanID: 2, Duration: 7}}
	e := rollup.NewEncoder()
	var b []byte
	for range 2 { // equal objects are two traces
		var err error
		if b, err = e.AppendRows(b, append(slices.Clone(unknown), everything[0])); err != nil {
			t.Fatal(err)
		}
	}
	sorted := slices.Sorted(strings.Lines(string(b)))
	p := fold(t, rollup.Options{}, sorted)
	if p.Traces != 3 || p.Spans != 5 || p.Warnings[gap.WarnDuplicate] != 1 {
		t.Errorf("%d traces, %d spans, %v", p.Traces, p.Spans, p.Warnings)
	}
}

func TestRowsThatCannotBeRead(t *testing.T) {
	good := strings.Repeat("0", 31) + "2\t1;1;1;1;s;o;.\n"
	for name, c := range map[string]struct{ rows, want string }{
		"JSON":            {`{"data":[]}` + "\n", "line 1: not a row: want 32 hexadecimal digits, a tab and a span"},
		"empty line":      {good + "\n" + good, "line 2: not a row"},
		"upper case":      {strings.Repeat("A", 32) + good[32:], "not a row"},
		"a short key":     {good[1:], "not a row"},
		"no version":      {good[:33] + "x;1;1;1;s;o;.", "not a row"},
		"newer":           {good + good[:33] + "2;{}", "line 2: a newer release wrote this row: its version is 2, this release reads up to 1"},
		"unsorted":        {good + "0" + good[:31] + good[32:] + good, "sort the rows by their first column, as in LC_ALL=C sort"},
		"negative id":     {good[:33] + "1;-1;1;1;s;o;.", "malformed"},
		"a long number":   {good[:33] + "1;1;1;00000000000001;s;o;.", "malformed"},
		"half an escape":  {good[:33] + "1;1;1;1;s;o%4;.", "malformed"},
		"bad escape":      {good[:33] + "1;1;1;1;s%zz;o;.", "malformed"},
		"unknown field":   {good[:33] + "1;1;1;1;s;o;y;.", "malformed"},
		"an empty field":  {good[:33] + "1;1;1;1;s;o;;.", "malformed"},
		"a fifth kind":    {good[:33] + "1;1;1;1;s;o;kz;.", "malformed"},
		"tag of no type":  {good[:33] + "1;1;1;1;s;o;tza=1;.", "malformed"},
		"tag of no key":   {good[:33] + "1;1;1;1;s;o;ts;.", "malformed"},
		"host of none":    {good[:33] + "1;1;1;1;s;o;h9s1;.", "malformed"},
		"tags of none":    {good[:33] + "1;1;1;1;-;o;h0s1;.", "malformed"},
		"many nanos":      {good[:33] + "1;1;1.vvvvvvvv;1;s;o;.", "malformed"},
		"reference of no": {good[:33] + "1;1;1;1;s;o;c1.1;.", "malformed"},
	} {
		p, err := rollup.Fold(strings.NewReader(c.rows), rollup.Options{})
		if rowErr, ok := errors.AsType[*rollup.RowError](err); !ok || p != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want %q", name, rowErr, err, c.want)
		}
	}
	for i := 1; i < len(version1)-1; i++ {
		if _, err := rollup.Fold(strings.NewReader(version1[:i]), rollup.Options{}); err == nil {
			t.Errorf("a row of %d bytes instead of %d is accepted", i, len(version1))
		}
	}
	for _, end := range []string{"", "\n", "\r\n"} {
		rows := strings.TrimSpace(good) + end
		if p, err := rollup.Fold(strings.NewReader(rows), rollup.Options{}); err != nil || p.Spans != 1 {
			t.Errorf("a row that ends with %q: %v", end, err)
		}
	}
	broken := errors.New("broken pipe")
	if _, err := rollup.Fold(io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken)), rollup.Options{}); err != broken {
		t.Errorf("got %v", err)
	}
}

// endless is an endless line.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.read += len(p)
	return len(p), nil
}

func TestRowsOf100MB(t *testing.T) {
	var line endless
	_, err := rollup.Fold(io.LimitReader(&line, 100<<20), rollup.Options{})
	if want := "line 1: longer than 16777216 bytes"; err == nil || err.Error() != want || line.read > 20<<20 {
		t.Errorf("got %v after %d bytes", err, line.read)
	}
	long := []gap.Span{{SpanID: 1}, {SpanID: 2, Operation: strings.Repeat("x", 15<<20)}, {SpanID: 3}}
	b, err := rollup.NewEncoder().AppendRows(nil, long)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := rollup.Fold(bytes.NewReader(b), rollup.Options{}); err != nil || p.Spans != 3 {
		t.Errorf("got %v", err)
	}
	long[1].Operation += long[1].Operation
	b, err = rollup.NewEncoder().AppendRows(nil, long)
	if err == nil || !strings.Contains(err.Error(), "span 0000000000000002 of trace 0000000000000000 needs a row of 314") {
		t.Errorf("got %v", err)
	}
	if p, err := rollup.Fold(bytes.NewReader(b), rollup.Options{}); err != nil || p.Spans != 2 {
		t.Errorf("got %v", err)
	}
}

func TestPartialsThatCannotBeRead(t *testing.T) {
	p := fold(t, rollup.Options{}, []string{version1})
	binary, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for i := range binary {
		if new(rollup.Partial).UnmarshalBinary(binary[:i]) == nil {
			t.Errorf("%d bytes of %d are accepted", i, len(binary))
		}
		flipped := slices.Clone(binary)
		flipped[i] ^= 4
		if new(rollup.Partial).UnmarshalBinary(flipped) == nil {
			t.Errorf("a flipped bit in byte %d is accepted", i)
		}
	}
	newer := slices.Clone(binary)
	newer[len("gaproll")] = 2
	if err := new(rollup.Partial).UnmarshalBinary(newer); err == nil || !strings.Contains(err.Error(), "a newer release wrote this partial: its version is 2") {
		t.Errorf("got %v", err)
	}
	text := string(encoded(t, p))
	for name, c := range map[string]struct{ text, want string }{
		"rows":      {version1, "line 1: not a partial, as gaptrace rollup fold writes it"},
		"short":     {"gap", "line 1: not a partial"},
		"second":    {text + "\n{}", "line 2: not a partial"},
		"truncated": {text + "\n" + text[:len(text)-3] + "\n" + text, "line 2: damaged or truncated partial"},
		"base64":    {text + "*", "line 1: damaged or truncated partial"},
	} {
		var got error
		for _, err := range rollup.Partials(strings.NewReader(c.text)) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, got, c.want)
		}
	}
	n := 0
	for _, err := range rollup.Partials(strings.NewReader(text + "\r\n" + text)) {
		if n++; err != nil {
			t.Error(err)
		}
	}
	if n != 2 {
		t.Errorf("%d partials", n)
	}
}

// A partial that was read may have any counts.
func TestCountsSaturate(t *testing.T) {
	p := fold(t, rollup.Options{}, []string{version1})
	p.Traces, p.Spans, p.Incomplete, p.Moved = math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64
	p.Warnings[gap.WarnDuplicate] = math.MaxInt64
	p.Add(gap.Build(slices.Concat(everything[:1], everything[:1])))
	var again rollup.Partial
	if err := again.UnmarshalText(encoded(t, p)); err != nil || again.Traces != math.MaxInt64 ||
		again.Spans != math.MaxInt64 || again.Incomplete != math.MaxInt64 ||
		again.Warnings[gap.WarnDuplicate] != math.MaxInt64 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestPartialOfNoOptionsIsRefused(t *testing.T) {
	for _, skew := range []time.Duration{0, -2, math.MinInt64} {
		p := rollup.Partial{MaxSkew: skew}
		if err := new(rollup.Partial).UnmarshalText(encoded(t, &p)); err == nil {
			t.Errorf("a partial with MaxSkew %v is accepted", skew)
		}
	}
}

func TestMergeRefusesOtherOptions(t *testing.T) {
	p := rollup.NewPartial(rollup.Options{By: "a"})
	for _, c := range []struct {
		o    rollup.Options
		want string
	}{
		{rollup.Options{By: "a"}, ""},
		{rollup.Options{By: "a", MaxSkew: gap.DefaultMaxSkew}, ""},
		{rollup.Options{}, `one splits operations by the tag "a", another by ""`},
		{rollup.Options{By: "a", MaxSkew: -7}, "one corrects clocks by at most 256ms, another by 0s"},
	} {
		err := p.Merge(rollup.NewPartial(c.o))
		if (err == nil) != (c.want == "") || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%+v: got %v", c.o, err)
		}
	}
}

// FuzzTraces reads anything as rows. Accepted spans, encoded and read again, are the same.
func FuzzTraces(f *testing.F) {
	f.Add([]byte(version1))
	for seed := range uint64(4) {
		all := rows(f, rollup.Window{}, randomSpans(rand.New(rand.NewPCG(seed, 32))))
		f.Add([]byte(strings.Join(slices.Sorted(slices.Values(all)), "")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := rollup.NewEncoder("by = x", "http.route")
		for spans, err := range rollup.Traces(bytes.NewReader(data)) {
			if err != nil {
				return
			}
			gap.Build(spans)
			for i := range spans {
				once, err := e.AppendRows(nil, spans[i:i+1])
				if err != nil {
					t.Fatal(err)
				}
				for again, err := range rollup.Traces(bytes.NewReader(once)) {
					if err != nil || !again[0].Start.Equal(spans[i].Start) || again[0].Operation != spans[i].Operation ||
						!slices.Equal(again[0].References, spans[i].References) || again[0].Duration != spans[i].Duration {
						t.Errorf("%+v became %+v, %v", spans[i], again[0], err)
					}
				}
			}
		}
	})
}

// FuzzPartials reads anything as partials.
func FuzzPartials(f *testing.F) {
	f.Add(encoded(f, fold(f, rollup.Options{}, []string{version1})))
	f.Fuzz(func(t *testing.T, data []byte) {
		for p, err := range rollup.Partials(bytes.NewReader(data)) {
			if err != nil {
				return
			}
			var again rollup.Partial
			if err := again.UnmarshalText(encoded(t, p)); err != nil || p.Merge(&again) != nil {
				t.Errorf("%v", err)
			}
		}
	})
}
