package cpuclock_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap/cpuclock"
)

func TestAppendAndParse(t *testing.T) {
	for want, s := range map[string]cpuclock.Sample{
		"v1 a=0": {},
		"v1 s=lfls rs,n39dc,dw0 +rt,2rsg m=1 a=go": {
			More: true, Age: 600, Since: time.Millisecond,
			Threads: []cpuclock.Thread{
				{ID: 1000, Clock: 38783280, Growth: 18000}, {ID: 1001, New: true, Clock: 129328, Growth: 129328},
			},
		},
		"v1 f=1 p=2 l=0.5 rs,0 rt,1 a=1": {
			First: true, Age: 1, Procs: 2, Limit: 0.5, Threads: []cpuclock.Thread{{ID: 1000}, {ID: 1001, Clock: 1}},
		},
		"v1 o=1 0,a a=0":             {Own: true, Threads: []cpuclock.Thread{{Clock: 10}}},
		"v1 p=4 l=0 t=35s,2,7pc a=1": {Age: 1, Procs: 4, Throttled: 4096, Periods: 2, ThrottledSince: 9984},
		"v1 s=1y2p0ij32e8e7 p=zik0zj l=1048576 t=1y2p0ij32e8e7,zik0zj,1y2p0ij32e8e7 " +
			"zik0zj,1y2p0ij32e8e7,1y2p0ij32e8e7 a=1y2p0ij32e8e7": {
			Age: math.MaxInt64, Since: math.MaxInt64, Procs: math.MaxInt32, Limit: 1 << 20,
			Throttled: math.MaxInt64, Periods: math.MaxInt32, ThrottledSince: math.MaxInt64,
			Threads: []cpuclock.Thread{{ID: math.MaxInt32, Clock: math.MaxInt64, Growth: math.MaxInt64}},
		},
	} {
		text := string(s.Append(nil))
		if text != want {
			t.Errorf("got  %q\nwant %q", text, want)
		}
		if parsed, err := cpuclock.Parse(text); err != nil || !reflect.DeepEqual(parsed, s) {
			t.Errorf("%q: %v\ngot  %+v\nwant %+v", text, err, parsed, s)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const number = "to the base 36"
	for text, want := range map[string]string{
		"":               "cpuclock: unknown version; known is v1",
		"v1 o=1 a=1":     "cpuclock: threads \"0\": want the one of the event",
		"v2 a=1":         "cpuclock: unknown version; known is v1",
		"v1":             `cpuclock: age "": want a field a=`,
		"v1 1,1":         `cpuclock: age "": want a field a=`,
		"v1 a=-1":        `cpuclock: age "-1": want a number from 0 to 9223372036854775807, ` + number,
		"v1 a=1 a=1":     `cpuclock: field "a": want each field once`,
		"v1 a=1 x=1 x=1": `cpuclock: field "x": want each field once`,
		"v1 a=1 f=2":     `cpuclock: first "2": want a number from 0 to 1, ` + number,
		"v1 a=1 m=":      `cpuclock: more "": want a number from 0 to 1, ` + number,
		"v1 a=1 s=1y2p0ij32e8e8": `cpuclock: since "1y2p0ij32e8e8": want a number from 0 to 9223372036854775807, ` +
			number,
		"v1 a=1 p=zik0zk":  `cpuclock: procs "zik0zk": want a number from 0 to 2147483647, ` + number,
		"v1 a=1 l=NaN":     `cpuclock: limit "NaN": want a number of CPUs`,
		"v1 a=1 l=-1":      `cpuclock: limit "-1": want a number of CPUs`,
		"v1 a=1 l=1e9":     `cpuclock: limit "1e9": want a number of CPUs`,
		"v1 a=1 t=1,1":     `cpuclock: throttled since "": want a number from 0 to 9223372036854775807, ` + number,
		"v1 a=1 t=1,1,1,1": `cpuclock: throttled since "1,1": want a number from 0 to 9223372036854775807, ` + number,
		"v1 a=1 1":         `cpuclock: clock "": want a number from 0 to 9223372036854775807, ` + number,
		"v1 a=1 1,2,3":     `cpuclock: growth "3": want a number from 0 to 2, ` + number,
		"v1 a=1 1,2,1,1":   `cpuclock: growth "1,1": want a number from 0 to 2, ` + number,
		"v1 a=1 +1,2,1":    `cpuclock: thread "1,2,1": want no growth for a new thread`,
		"v1 a=1 ++1,2":     `cpuclock: thread "+1": want a number from 0 to 2147483647, ` + number,
		"v1 a=1 zik0zk,1":  `cpuclock: thread "zik0zk": want a number from 0 to 2147483647, ` + number,
		"v1 a=1 " + strings.Repeat("\xff", 500): `cpuclock: thread "` + strings.Repeat(`\xff`, 64) +
			`": want a number from 0 to 2147483647, ` + number,
		"v1 a=1 " + strings.Repeat("1,1 ", 300): "cpuclock: a message of 1207 bytes: want at most 1024",
	} {
		s, err := cpuclock.Parse(text)
		if err == nil || err.Error() != want || !reflect.DeepEqual(s, cpuclock.Sample{}) {
			t.Errorf("%q: %+v\ngot  %v\nwant %s", text, s, err, want)
		}
		if isVersion := strings.HasSuffix(want, "known is v1"); errors.Is(err, cpuclock.ErrVersion) != isVersion {
			t.Errorf("%q: ErrVersion %v", text, !isVersion)
		}
	}
}

// A newer writer may add fields.
func TestParseIgnoresUnknownFields(t *testing.T) {
	s, err := cpuclock.Parse("v1 new=1,2 1,2 a=3")
	want := cpuclock.Sample{Age: 3, Threads: []cpuclock.Thread{{ID: 1, Clock: 2}}}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%v, %+v", err, s)
	}
}

// Parse never panics, keeps within its bounds, and what it accepts is stable once Append has
// written it.
func FuzzParse(f *testing.F) {
	f.Add("v1 s=lfls rs,n2k9c,dw0 +rt,2s0g m=1 a=go")
	f.Add("v1 f=1 p=2 l=0.5 t=35s,2,7pc rs,0 rt,1 a=1")
	f.Add("v1 a=1 l=NaN")
	f.Add("v2")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := cpuclock.Parse(text)
		if err != nil {
			return
		}
		if s.Age < 0 || s.Since < 0 || s.Procs < 0 || !(s.Limit >= 0) || s.Throttled < 0 || s.Periods < 0 ||
			len(s.Threads) > len(text)/3 {
			t.Fatalf("%q: %+v", text, s)
		}
		for _, thread := range s.Threads {
			if thread.ID < 0 || thread.Growth < 0 || thread.Growth > thread.Clock {
				t.Fatalf("%q: %+v", text, thread)
			}
		}
		first := string(s.Append(nil))
		if len(first) > cpuclock.MaxMessage {
			return // some numbers became longer, such as 1e-99
		}
		again, err := cpuclock.Parse(first)
		if err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		if second := string(again.Append(nil)); second != first {
			t.Fatalf("%q became %q", first, second)
		}
	})
}
