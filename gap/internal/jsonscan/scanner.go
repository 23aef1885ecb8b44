package jsonscan

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

const (
	maxDepth  = 10_000   // nested arrays and objects, as in encoding/json
	maxString = 16 << 20 // bytes of a string or number, except of a string that is skipped
)

// Scanner reads JSON values from Source, in the order in which they come.
//
// The first error is kept in Err, and ends the input. Later reads return zero values, and their
// errors are dropped. So callers may check Err only at the end.
type Scanner struct {
	Source io.Reader
	End    error  // why Source has no more: io.EOF, or its error. nil before that
	Err    error  // the first error
	OnRead func() // called after each read of Source, unless nil

	buf   []byte // read from Source; buf[pos:] is not consumed yet
	pos   int
	base  int64 // offset of buf[0] in the input
	depth int
	key   []byte // of the current object, until its value is read
}

// Offset returns the offset of the next byte.
func (s *Scanner) Offset() int64 { return s.base + int64(s.pos) }

// Buffered returns the number of bytes that were read from Source.
func (s *Scanner) Buffered() int64 { return s.base + int64(len(s.buf)) }

// More reports whether the input has another byte.
func (s *Scanner) More() bool {
	_, ok := s.at(0)
	return ok
}

// fill drops the bytes before pos and reads more. It returns false if there is no more.
func (s *Scanner) fill() bool {
	if s.End != nil {
		return false
	}
	s.base += int64(s.pos)
	n := copy(s.buf, s.buf[s.pos:])
	s.buf, s.pos = s.buf[:n], 0
	if n == cap(s.buf) {
		s.buf = append(make([]byte, 0, max(64<<10, 2*n)), s.buf...)
	}
	k, err := 0, error(nil)
	for range 100 { // as bufio does, for a reader that returns 0, nil
		if k, err = s.Source.Read(s.buf[n:cap(s.buf)]); k > 0 || err != nil {
			break
		}
	}
	if k == 0 && err == nil {
		err = io.ErrNoProgress
	}
	s.buf, s.End = s.buf[:n+k], err
	if s.OnRead != nil {
		s.OnRead()
	}
	return k > 0
}

// Stop ends the input with an error, unless there is one already.
func (s *Scanner) Stop(err error) {
	if s.Err == nil {
		s.base, s.buf, s.pos = s.Offset(), s.buf[:0], 0
		s.Err, s.End = err, io.EOF
	}
}

// Fail stops with an [Error] that says what was expected n bytes ahead.
func (s *Scanner) Fail(n int, expected string) {
	if _, ok := s.at(n); ok {
		s.Stop(&Error{Offset: s.Offset() + int64(n), Expected: expected, Found: Excerpt(s.buf[s.pos+n:])})
	} else if s.End == io.EOF {
		s.Stop(&Error{Offset: s.base + int64(len(s.buf)), Expected: expected, Err: io.ErrUnexpectedEOF})
	} else {
		s.Stop(&Error{Offset: s.base + int64(len(s.buf)), Err: s.End})
	}
}

// Found returns the next token, or its beginning, as text that is safe to show. At the end it
// returns "".
func (s *Scanner) Found() string {
	if s.Peek(); !s.More() {
		return ""
	}
	return Excerpt(s.buf[s.pos:])
}

// Since returns the text from an offset to the next byte. It is valid until the next read, and nil
// if it is not in memory any more.
func (s *Scanner) Since(offset int64) []byte {
	if offset < s.base {
		return nil
	}
	return s.buf[offset-s.base : s.pos]
}

// Repeats skips text if it is next, and returns false otherwise. text must be an object or an array
// that has been read.
func (s *Scanner) Repeats(text []byte) bool {
	s.Peek()
	if _, ok := s.at(len(text) - 1); !ok || !bytes.HasPrefix(s.buf[s.pos:], text) {
		return false
	}
	s.pos += len(text)
	return true
}

// at returns the byte n bytes ahead.
func (s *Scanner) at(n int) (byte, bool) {
	for s.pos+n >= len(s.buf) {
		if !s.fill() {
			return 0, false
		}
	}
	return s.buf[s.pos+n], true
}

// Peek skips white space and returns the next byte, or 0 at the end.
func (s *Scanner) Peek() byte {
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

// Object reads an object, or null as an empty one. For each key it calls f, which must read or skip
// the value. The key is valid until f reads the value.
func (s *Scanner) Object(f func(key []byte)) {
	s.list('{', '}', "an object", func() {
		s.key = append(s.key[:0], s.Text()...)
		if s.Peek() != ':' {
			s.Fail(0, "':' after a key")
			return
		}
		s.pos++
		f(s.key)
	})
}

// Array reads an array, or null as an empty one. For each element it calls f, which must read or
// skip it.
func (s *Scanner) Array(f func()) { s.list('[', ']', "an array", f) }

func (s *Scanner) list(open, end byte, what string, f func()) {
	switch s.Peek() {
	case 'n':
		s.Literal("null")
		return
	case open:
	default:
		s.Fail(0, what)
		return
	}
	if s.depth++; s.depth > maxDepth {
		s.Fail(0, "at most 10,000 nested arrays and objects")
	}
	s.pos = min(s.pos+1, len(s.buf))
	for more := s.Peek() != end; more; {
		f()
		switch s.Peek() {
		case ',':
			s.pos++
		case end:
			more = false
		default:
			s.Fail(0, "',' or '"+string(end)+"'")
			return
		}
	}
	s.pos++
	s.depth--
}

// Null reads null if it is next, and returns false otherwise.
func (s *Scanner) Null() bool {
	if s.Peek() != 'n' {
		return false
	}
	s.Literal("null")
	return true
}

// Literal reads a word, such as true.
func (s *Scanner) Literal(word string) {
	for n := range len(word) {
		if c, ok := s.at(n); !ok || c != word[n] {
			s.Fail(n, word)
			return
		}
	}
	s.pos += len(word)
}

// Text reads a string. The result is valid until the next read.
func (s *Scanner) Text() []byte {
	raw, plain := s.quoted(true)
	if plain {
		return raw
	}
	var text string // escapes and invalid UTF-8 are rare, so encoding/json is fast enough
	if utf8.Valid(raw) && !bytes.Contains(raw, []byte{'\\'}) {
		return raw
	}
	if raw = s.buf[s.pos-len(raw)-2 : s.pos]; json.Unmarshal(raw, &text) != nil {
		s.Fail(0, "a string") // impossible
	}
	return []byte(text)
}

// isSpecial says which bytes do not stand for themselves in a string.
var isSpecial = func() (all [256]bool) {
	for c := range ' ' {
		all[c] = true
	}
	all['"'], all['\\'] = true, true
	return all
}()

// quoted reads a string. It returns it without quotes and with its escapes. It is plain if all of
// it is ASCII without escapes. If hold is false it keeps nothing in memory and returns nothing.
func (s *Scanner) quoted(hold bool) (raw []byte, plain bool) {
	plain = true
	if s.Peek() != '"' {
		s.Fail(0, "a string")
		return nil, false
	}
	for n := 1; ; {
		b := s.buf[s.pos:]
		for ; n < len(b) && !isSpecial[b[n]]; n++ {
			plain = plain && b[n] < utf8.RuneSelf
		}
		switch {
		case hold && n-1 > maxString:
			s.Fail(0, "a string of at most 16 MiB")
			return nil, false
		case n >= len(b):
			if !hold {
				s.pos, n = len(s.buf), 0
			}
			if !s.fill() {
				s.Fail(n, "the end of a string")
				return nil, false
			}
		case b[n] == '"':
			s.pos += n + 1
			return b[min(1, n):n], plain
		case b[n] == '\\':
			plain = false
			if !hold {
				s.pos, n = s.pos+n, 0
			}
			if n = s.escape(n); n < 0 {
				return nil, false
			}
		default:
			s.Fail(n, "no control character in a string")
			return nil, false
		}
	}
}

// escape checks the escape n bytes ahead, and returns the position after it or -1.
func (s *Scanner) escape(n int) int {
	digits := 0
	switch c, _ := s.at(n + 1); c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		digits = 4
	default:
		s.Fail(n+1, `one of "\/bfnrtu after a backslash`)
		return -1
	}
	for n += 2; digits > 0; n++ {
		if c, _ := s.at(n); !IsHex(c) {
			s.Fail(n, `four hexadecimal digits after \u`)
			return -1
		}
		digits--
	}
	return n
}

// IsHex reports whether c is a hexadecimal digit.
func IsHex(c byte) bool { return IsDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// IsDigit reports whether c is a decimal digit.
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }

// Number reads a number. The result is valid until the next read.
func (s *Scanner) Number() []byte {
	n := 0
	if s.Peek() == '-' {
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

// digits returns the position after the digits n bytes ahead, or -1 if there are none.
func (s *Scanner) digits(n int) int {
	for from := n; ; n++ {
		switch c, _ := s.at(n); {
		case IsDigit(c) && n < maxString:
		case n == from || IsDigit(c):
			s.Fail(n, "a digit of a number, at most 16 MiB long")
			return -1
		default:
			return n
		}
	}
}

// Skip reads a value of any kind, and keeps nothing of it in memory.
func (s *Scanner) Skip() {
	switch c := s.Peek(); {
	case c == '{':
		s.Object(func([]byte) { s.Skip() })
	case c == '[':
		s.Array(s.Skip)
	case c == '"':
		s.quoted(false)
	case c == 't':
		s.Literal("true")
	case c == 'f':
		s.Literal("false")
	case c == 'n':
		s.Literal("null")
	case c == '-' || IsDigit(c):
		s.Number()
	default:
		s.Fail(0, "a value")
	}
}
