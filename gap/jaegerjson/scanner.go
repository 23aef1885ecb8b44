package jaegerjson

import (
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

const (
	maxDepth  = 10_000   // of arrays and objects in each other, as in encoding/json
	maxString = 16 << 20 // bytes of a string or number that is kept; one that is skipped may be longer
)

// errStopped ends a reading whose caller wants no more.
var errStopped = errors.New("stopped")

// scanner reads JSON in one pass, holding no more of it than a buffer and the string at hand. It accepts what encoding/json
// accepts, which is what its fuzz test holds it against. That package's Decoder takes five times as long as this
// whole package only to go over the tokens; see bench/results.md.
//
// The first error is kept in err, and all input is over with it: whoever reads on finds nothing, and his complaints
// are not heard. So nobody needs to look at err before the end.
type scanner struct {
	source io.Reader
	max    int64  // bytes that may be read, 0 for any number
	buf    []byte // read and not yet dropped; buf[pos:] is ahead
	pos    int
	base   int64 // the offset of buf[0] in the input
	end    error // why there is no more to read: io.EOF, or what the source says
	err    error
	depth  int
	key    []byte // of the object at hand, until its value is read
	onRead func() // told after each read, unless nil
}

func (s *scanner) offset() int64 { return s.base + int64(s.pos) }

// fill drops what is behind pos and reads more. It is false when there is no more, and end says why.
func (s *scanner) fill() bool {
	if s.end != nil {
		return false
	}
	s.base += int64(s.pos)
	n := copy(s.buf, s.buf[s.pos:])
	s.buf, s.pos = s.buf[:n], 0
	if n == cap(s.buf) {
		s.buf = append(make([]byte, 0, max(64<<10, 2*n)), s.buf...)
	}
	k, err := 0, error(nil)
	for range 100 { // as bufio does, for a reader that has nothing to say again and again
		if k, err = s.source.Read(s.buf[n:cap(s.buf)]); k > 0 || err != nil {
			break
		}
	}
	if k == 0 && err == nil {
		err = io.ErrNoProgress
	}
	if over := s.base + int64(n+k) - s.max; s.max > 0 && over > 0 {
		k, err = k-int(over), TooLargeError(s.max)
	}
	s.buf, s.end = s.buf[:n+k], err
	if s.onRead != nil {
		s.onRead()
	}
	return k > 0
}

// stop keeps the first error, and puts an end to the input.
func (s *scanner) stop(err error) {
	if s.err == nil {
		s.base, s.buf, s.pos = s.offset(), s.buf[:0], 0
		s.err, s.end = err, io.EOF
	}
}

// fail says what was expected n bytes ahead.
func (s *scanner) fail(n int, expected string) {
	if _, ok := s.at(n); ok {
		s.stop(&Error{Offset: s.offset() + int64(n), Expected: expected, Found: found(s.buf[s.pos+n:])})
	} else if s.end == io.EOF {
		s.stop(&Error{Offset: s.base + int64(len(s.buf)), Expected: expected, Err: io.ErrUnexpectedEOF})
	} else {
		s.stop(&Error{Offset: s.base + int64(len(s.buf)), Err: s.end})
	}
}

func (s *scanner) at(n int) (byte, bool) {
	for s.pos+n >= len(s.buf) {
		if !s.fill() {
			return 0, false
		}
	}
	return s.buf[s.pos+n], true
}

// peek returns the next byte that is no white space, and 0 where there is none.
func (s *scanner) peek() byte {
	for {
		for i, c := range s.buf[s.pos:] {
			if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				s.pos += i
				return c
			}
		}
		s.pos = len(s.buf)
		if !s.fill() {
			return 0
		}
	}
}

// object calls f for each key, to read or skip its value. The key is good until f does so. null has no keys.
func (s *scanner) object(f func(key []byte)) {
	s.list('{', '}', "an object", func() {
		s.key = append(s.key[:0], s.text()...)
		if s.peek() != ':' {
			s.fail(0, "':' after a key")
			return
		}
		s.pos++
		f(s.key)
	})
}

// array calls f for each element, to read or skip it. null has none.
func (s *scanner) array(f func()) { s.list('[', ']', "an array", f) }

func (s *scanner) list(open, end byte, what string, f func()) {
	switch s.peek() {
	case 'n':
		s.literal("null")
		return
	case open:
	default:
		s.fail(0, what)
		return
	}
	if s.depth++; s.depth > maxDepth {
		s.fail(0, "arrays and objects no deeper than 10,000 in each other")
	}
	s.pos = min(s.pos+1, len(s.buf))
	for more := s.peek() != end; more; {
		f()
		switch s.peek() {
		case ',':
			s.pos++
		case end:
			more = false
		default:
			s.fail(0, "',' or '"+string(end)+"'")
			return
		}
	}
	s.pos++
	s.depth--
}

// null reads null, if it is next.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.literal("null")
	return true
}

func (s *scanner) literal(word string) {
	for n := range len(word) {
		if c, ok := s.at(n); !ok || c != word[n] {
			s.fail(n, word)
			return
		}
	}
	s.pos += len(word)
}

// text reads a string. What it returns is good until more is read.
func (s *scanner) text() []byte {
	raw, escaped := s.quoted(true)
	if !escaped && utf8.Valid(raw) {
		return raw
	}
	var text string // escapes and broken UTF-8 are rare, and encoding/json knows them
	if raw = s.buf[s.pos-len(raw)-2 : s.pos]; json.Unmarshal(raw, &text) != nil {
		s.fail(0, "a string") // cannot happen
	}
	return []byte(text)
}

// quoted reads a string as it stands, without its quotes. Unless it is to hold it, it returns nothing.
func (s *scanner) quoted(hold bool) (raw []byte, escaped bool) {
	if s.peek() != '"' {
		s.fail(0, "a string")
		return nil, false
	}
	for n := 1; ; {
		b := s.buf[s.pos:]
		for n < len(b) && b[n] != '"' && b[n] != '\\' && b[n] >= ' ' {
			n++
		}
		switch {
		case hold && n-1 > maxString:
			s.fail(0, "a string of at most 16 MiB")
			return nil, false
		case n >= len(b):
			if !hold {
				s.pos, n = len(s.buf), 0
			}
			if !s.fill() {
				s.fail(n, "the end of a string")
				return nil, false
			}
		case b[n] == '"':
			s.pos += n + 1
			return b[min(1, n):n], escaped
		case b[n] == '\\':
			escaped = true
			if !hold {
				s.pos, n = s.pos+n, 0
			}
			if n = s.escape(n); n < 0 {
				return nil, false
			}
		default:
			s.fail(n, "no control character in a string")
			return nil, false
		}
	}
}

// escape returns what comes after the escape n bytes ahead.
func (s *scanner) escape(n int) int {
	digits := 0
	switch c, _ := s.at(n + 1); c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		digits = 4
	default:
		s.fail(n+1, `one of "\/bfnrtu after a backslash`)
		return -1
	}
	for n += 2; digits > 0; n++ {
		if c, _ := s.at(n); !hexadecimal(c) {
			s.fail(n, `four hexadecimal digits after \u`)
			return -1
		}
		digits--
	}
	return n
}

func hexadecimal(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

// number reads a number. What it returns is good until more is read.
func (s *scanner) number() []byte {
	n := 0
	if s.peek() == '-' {
		n = 1
	}
	if c, _ := s.at(n); c == '0' {
		n++
	} else if n = s.digits(n); n < 0 {
		return nil
	}
	if c, _ := s.at(n); c == '.' {
		if n = s.digits(n + 1); n < 0 {
			return nil
		}
	}
	if c, _ := s.at(n); c|0x20 == 'e' {
		if c, _ = s.at(n + 1); c == '+' || c == '-' {
			n++
		}
		if n = s.digits(n + 1); n < 0 {
			return nil
		}
	}
	s.pos += n
	return s.buf[s.pos-n : s.pos]
}

func (s *scanner) digits(n int) int {
	for from := n; ; n++ {
		switch c, _ := s.at(n); {
		case digit(c) && n < maxString:
		case n == from || digit(c):
			s.fail(n, "a digit of a number that is at most 16 MiB long")
			return -1
		default:
			return n
		}
	}
}

// skip reads a value of any kind and holds nothing of it.
func (s *scanner) skip() {
	switch c := s.peek(); {
	case c == '{':
		s.object(func([]byte) { s.skip() })
	case c == '[':
		s.array(s.skip)
	case c == '"':
		s.quoted(false)
	case c == 't':
		s.literal("true")
	case c == 'f':
		s.literal("false")
	case c == 'n':
		s.literal("null")
	case c == '-' || digit(c):
		s.number()
	default:
		s.fail(0, "a value")
	}
}
