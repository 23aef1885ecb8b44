package cpuclock

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Category is the category of the log events whose messages are samples.
const Category = "gaptrace.cpu"

// MaxMessage is the most bytes of a message. The runtime truncates longer ones.
const MaxMessage = 1024

const (
	version = "v1"
	base    = 36
)

// Sample is what a message says. A sample of many threads has several messages.
type Sample struct {
	First bool          // the first sample of a recording, which has no growth
	Own   bool          // [Read] wrote it: Threads[0] has only the clock of the log event's thread, and no ID
	More  bool          // another message of the same sample follows
	Age   time.Duration // from the reading of the clocks to the log event
	Since time.Duration // from the previous reading of these clocks to this one; 0 if First

	// Threads has the threads whose clocks moved, and all threads in the first sample of a
	// recording. A thread in no message of a sample used no CPU since the previous sample.
	Threads []Thread

	// Procs is GOMAXPROCS, and Limit the CPU limit of the process's cgroup in CPUs; 0 means no
	// limit. Both are in the first sample of a recording, and once a second. In others, Procs is 0.
	Procs int
	Limit float64

	// Throttled is how long the cgroup was throttled, and Periods in how many periods. Both count
	// what the kernel added within ThrottledSince before the log event. All are 0 if it added
	// nothing. It adds a time when that ends, and adds up the CPUs. So Throttled may exceed
	// ThrottledSince.
	Throttled      time.Duration
	Periods        int
	ThrottledSince time.Duration
}

// Thread is a thread's CPU clock.
type Thread struct {
	ID     int32         // the kernel's, as events in the execution trace have it
	New    bool          // created since the previous sample; its clock began at 0
	Clock  time.Duration // CPU time of the thread since it was created
	Growth time.Duration // CPU time since the previous sample; Clock if New; 0 if the sample is the first
}

// Append appends the message to b. The message may be longer than [MaxMessage].
func (s *Sample) Append(b []byte) []byte {
	b = s.appendHead(b)
	for i := range s.Threads {
		b = s.Threads[i].append(b)
	}
	return s.appendTail(b)
}

func (s *Sample) appendHead(b []byte) []byte {
	b = append(b, version...)
	if s.First {
		b = append(b, " f=1"...)
	}
	if s.Own {
		b = append(b, " o=1"...)
	}
	if s.Since != 0 {
		b = appendNumber(append(b, " s="...), int64(s.Since))
	}
	if s.Procs != 0 {
		b = appendNumber(append(b, " p="...), int64(s.Procs))
		b = strconv.AppendFloat(append(b, " l="...), s.Limit, 'f', -1, 64)
	}
	if s.ThrottledSince != 0 {
		b = appendNumber(append(b, " t="...), int64(s.Throttled))
		b = appendNumber(append(b, ','), int64(s.Periods))
		b = appendNumber(append(b, ','), int64(s.ThrottledSince))
	}
	return b
}

// appendTail appends what is known last.
func (s *Sample) appendTail(b []byte) []byte {
	if s.More {
		b = append(b, " m=1"...)
	}
	return appendNumber(append(b, " a="...), int64(s.Age))
}

func (t *Thread) append(b []byte) []byte {
	b = append(b, ' ')
	if t.New {
		b = append(b, '+')
	}
	b = appendNumber(b, int64(t.ID))
	b = appendNumber(append(b, ','), int64(t.Clock))
	if !t.New && t.Growth != 0 {
		b = appendNumber(append(b, ','), int64(t.Growth))
	}
	return b
}

func appendNumber(b []byte, n int64) []byte { return strconv.AppendInt(b, n, base) }

// ErrVersion is the error of [Parse] for a message of another version. A newer version of gaptrace
// may have written it.
var ErrVersion = errors.New("cpuclock: unknown version; known is " + version)

// Parse parses a message that [Start] wrote. The error is [ErrVersion], or says which field is
// malformed. Parse accepts any untrusted input. Its result has at most one thread for each three
// bytes of the message.
func Parse(message string) (Sample, error) {
	found, rest, _ := strings.Cut(message, " ")
	if found != version {
		return Sample{}, ErrVersion
	}
	if len(message) > MaxMessage {
		return Sample{}, fmt.Errorf("cpuclock: a message of %d bytes: want at most %d", len(message), MaxMessage)
	}
	var s Sample
	p := parser{seen: map[string]bool{}}
	for field := range strings.FieldsSeq(rest) {
		if key, value, ok := strings.Cut(field, "="); ok {
			p.option(&s, key, value)
		} else {
			s.Threads = append(s.Threads, p.thread(field))
		}
	}
	if !p.seen["a"] {
		p.failed("age", "", "a field a=")
	}
	if s.Own && len(s.Threads) != 1 {
		p.failed("threads", strconv.Itoa(len(s.Threads)), "the one of the event")
	}
	if p.err != nil {
		return Sample{}, p.err
	}
	return s, nil
}

// parser keeps the first error.
type parser struct {
	seen map[string]bool
	err  error
}

func (p *parser) failed(field, got, want string) {
	if p.err == nil {
		const most = 64 // bytes of the input in an error
		p.err = fmt.Errorf("cpuclock: %s %.*q: want %s", field, most, got, want)
	}
}

// option parses key=value. It ignores unknown keys, which a newer writer may have added.
func (p *parser) option(s *Sample, key, value string) {
	if p.seen[key] {
		p.failed("field", key, "each field once")
		return
	}
	p.seen[key] = true
	switch key {
	case "f":
		s.First = p.number("first", value, 1) == 1
	case "o":
		s.Own = p.number("own", value, 1) == 1
	case "m":
		s.More = p.number("more", value, 1) == 1
	case "a":
		s.Age = time.Duration(p.number("age", value, math.MaxInt64))
	case "s":
		s.Since = time.Duration(p.number("since", value, math.MaxInt64))
	case "p":
		s.Procs = int(p.number("procs", value, math.MaxInt32))
	case "l":
		s.Limit = p.limit(value)
	case "t":
		throttled, rest, _ := strings.Cut(value, ",")
		periods, since, _ := strings.Cut(rest, ",")
		s.Throttled = time.Duration(p.number("throttled", throttled, math.MaxInt64))
		s.Periods = int(p.number("periods", periods, math.MaxInt32))
		s.ThrottledSince = time.Duration(p.number("throttled since", since, math.MaxInt64))
	}
}

// limit parses a number of CPUs.
func (p *parser) limit(text string) float64 {
	const most = 1 << 20
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= most) { // NaN is neither
		p.failed("limit", text, "a number of CPUs")
		return 0
	}
	return n
}

func (p *parser) thread(text string) (t Thread) {
	text, t.New = strings.CutPrefix(text, "+")
	id, rest, _ := strings.Cut(text, ",")
	clock, growth, hasGrowth := strings.Cut(rest, ",")
	t.ID = int32(p.number("thread", id, math.MaxInt32))
	t.Clock = time.Duration(p.number("clock", clock, math.MaxInt64))
	switch {
	case t.New && hasGrowth:
		p.failed("thread", text, "no growth for a new thread")
	case t.New:
		t.Growth = t.Clock
	case hasGrowth:
		t.Growth = time.Duration(p.number("growth", growth, int64(t.Clock)))
	}
	return t
}

// number parses a number from 0 to most.
func (p *parser) number(field, text string, most int64) int64 {
	n, err := strconv.ParseUint(text, base, 63)
	if err != nil || int64(n) > most {
		p.failed(field, text, fmt.Sprintf("a number from 0 to %d, to the base %d", most, base))
		return 0
	}
	return int64(n)
}
