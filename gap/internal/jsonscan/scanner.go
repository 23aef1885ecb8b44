package jsonscan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"math/bits"
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

// Ahead returns the next bytes up to the first c, and including it, if they are at most 256 and in
// memory. Otherwise it returns nil, as it does deep in the input, where a caller that skips them
// could miss that arrays and objects are nested too deeply. The bytes are valid until the next
// read.
func (s *Scanner) Ahead(c byte) []byte {
	b := s.buf[s.pos:min(s.pos+256, len(s.buf))]
	if n := bytes.IndexByte(b, c); n >= 0 && s.depth < maxDepth/2 {
		return b[:n+1]
	}
	return nil
}

// Consume skips n bytes that Ahead has returned. They must be whole values.
func (s *Scanner) Consume(n int) { s.pos += n }

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

// is reports whether c is next. It reports false if c comes after white space, or is not yet read.
// It is for what mostly comes next, since Peek is not inlined.
func (s *Scanner) is(c byte) bool { return s.pos < len(s.buf) && s.buf[s.pos] == c }

// Object reads an object, or null as an empty one. For each key it calls f, which must read or skip
// the value. The key is valid until f reads the value. f must not change it.
func (s *Scanner) Object(f func(key []byte)) {
	for more := s.open('{', '}', "an object"); more; more = s.next('}') {
		key := s.Text()
		if !s.is(':') { // to read on may overwrite the key
			s.key = append(s.key[:0], key...)
			if key = s.key; s.Peek() != ':' {
				s.Fail(0, "':' after a key")
				return
			}
		}
		s.pos++
		f(key)
	}
}

// Array reads an array, or null as an empty one. For each element it calls f, which must read or
// skip it.
func (s *Scanner) Array(f func()) {
	for more := s.open('[', ']', "an array"); more; more = s.next(']') {
		f()
	}
}

// open begins an object or an array. It returns false if that has no elements.
func (s *Scanner) open(first, end byte, what string) (more bool) {
	switch s.Peek() {
	case 'n':
		s.Literal("null")
		return false
	case first:
	default:
		s.Fail(0, what)
		return false
	}
	if s.depth++; s.depth > maxDepth {
		s.Fail(0, "at most 10,000 nested arrays and objects")
		return false
	}
	s.pos++
	return s.Peek() != end || s.close()
}

// next goes to the next element of an object or an array. It returns false if there is none.
func (s *Scanner) next(end byte) (more bool) {
	switch {
	case s.is(',') || s.Peek() == ',':
		s.pos++
		return true
	case s.is(end):
		return s.close()
	}
	s.Fail(0, "',' or '"+string(end)+"'")
	return false
}

// close ends an object or an array. It returns false, as there are no more elements.
func (s *Scanner) close() (more bool) {
	s.pos++
	s.depth--
	return false
}

// Null reads null if it is next, and returns false otherwise.
func (s *Scanner) Null() bool {
	if s.is('"') || s.Peek() != 'n' {
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
	if s.is('"') { // nearly all strings are in memory, and need no more than this
		b := s.buf[s.pos+1:]
		if n, ascii := special(b, 0); ascii && n < len(b) && b[n] == '"' && n <= maxString {
			s.pos += n + 2
			return b[:n]
		}
	}
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

// special returns the position of the first byte of b, from n on, that does not stand for itself in
// a string, or len(b). ascii says that the bytes before it are ASCII.
//
// It looks at eight bytes at a time. Each of the bits in high says something about one of them. A
// subtraction borrows from the next byte only after a special one, so the first one is right.
func special(b []byte, n int) (_ int, ascii bool) {
	const (
		ones = 0x01010101_01010101
		high = 0x80 * ones
	)
	seen := uint64(0) // all bytes
	for ; n+8 <= len(b); n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		control, quote, backslash := w-' '*ones, w^'"'*ones-ones, w^'\\'*ones-ones
		if found := (control | quote | backslash) &^ w & high; found != 0 {
			first := bits.TrailingZeros64(found)
			seen |= w & (1<<first - 1)
			return n + first/8, seen&high == 0
		}
		seen |= w
	}
	for ; n < len(b); n++ {
		if c := b[n]; c < ' ' || c == '"' || c == '\\' {
			break
		}
		seen |= uint64(b[n])
	}
	return n, seen&high == 0
}

// quoted reads a string. It returns it without quotes and with its escapes. It is plain if all of
// it is ASCII without escapes. If hold is false it keeps nothing in memory and returns nothing.
func (s *Scanner) quoted(hold bool) (raw []byte, plain bool) {
	plain = true
	if !s.is('"') && s.Peek() != '"' {
		s.Fail(0, "a string")
		return nil, false
	}
	for n := 1; ; {
		b := s.buf[s.pos:]
		end, ascii := special(b, n)
		n, plain = end, plain && ascii
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

// Uint reads a number if it is an integer of at most 18 digits, and all of it is in memory.
// Otherwise it reads nothing, and returns false.
func (s *Scanner) Uint() (u uint64, ok bool) {
	b := s.buf[s.pos:]
	n := 0
	for ; n < len(b) && n < 19 && IsDigit(b[n]); n++ {
		u = 10*u + uint64(b[n]-'0')
	}
	if n == 0 || n > 18 || n == len(b) || b[0] == '0' && n > 1 || b[n] == '.' || b[n]|0x20 == 'e' {
		return 0, false
	}
	s.pos += n
	return u, true
}

// digits returns the position after the digits n bytes ahead, or -1 if there are none.
func (s *Scanner) digits(n int) int {
	for from := n; ; n++ {
		for b := s.buf[s.pos:]; n < min(len(b), maxString) && IsDigit(b[n]); n++ {
		}
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
