package jsonscan

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// anything reads a value as encoding/json does with UseNumber.
func (s *Scanner) anything() any {
	switch c := s.Peek(); {
	case c == '{':
		m := map[string]any{}
		s.Object(func(key []byte) {
			k := string(key)
			m[k] = s.anything()
		})
		return m
	case c == '[':
		a := []any{}
		s.Array(func() { a = append(a, s.anything()) })
		return a
	case c == '"':
		return string(s.Text())
	case c == '-' || IsDigit(c):
		return json.Number(s.Number())
	case c == 't':
		s.Literal("true")
		return true
	case c == 'f':
		s.Literal("false")
		return false
	}
	s.Skip()
	return nil
}

// over reports whether only white space was left.
func (s *Scanner) over() bool {
	s.Peek()
	return s.Err == nil && !s.More() && s.End == io.EOF
}

// FuzzScanner compares Scanner with encoding/json: both accept the same input, and read the same
// from it. It makes no difference how much each Read returns.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+3,true,false,null,"\u00e9\ud83d\ude00\ud83d \\ \" \/ é"],"":{},"a":[]}`, ` [ ] `,
		`{"a" : 1 , "b":2}`, `"`, `[1,]`, `{"a":1,}`, `{"a"}`, `01`, `-`, `1.`,
		`1e`, `"\x"`, `"\u12"`, "\"\x01\"", "\"\xff\"", `nul`, `tru`, `{}{}`, `[[[[`, ``, `{"a":1 "b"}`, `1 2`, `+1`,
		`"0123456é\n789abcdefghij\u00e9"`, "\"01234567\x1f\"", `.5`, "\ufeff1", `"a`, `{"`, `[1`, `"\`, "\x00", "[\x00]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		valid := json.Valid(data)
		if valid {
			if err := d.Decode(&want); err != nil {
				t.Fatal(err)
			}
		}
		for name, reader := range map[string]io.Reader{
			"whole": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data)),
		} {
			s := Scanner{Source: reader}
			if got := s.anything(); s.over() != valid || valid && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %#v, %v; encoding/json: %#v, valid %v", name, got, s.Err, want, valid)
			}
		}
		for name, reader := range map[string]io.Reader{
			"whole": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data)),
		} {
			s := Scanner{Source: reader}
			if s.Skip(); s.over() != valid {
				t.Errorf("skipped %s: %v; encoding/json: valid %v", name, s.Err, valid)
			}
		}
	})
}

func TestBounds(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		good bool
		read func(*Scanner)
	}{
		"depth": {
			strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), true, (*Scanner).Skip,
		},
		"too deep": {
			strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), false, (*Scanner).Skip,
		},
		"too deep in objects": {
			strings.Repeat(`{"":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1), false, (*Scanner).Skip,
		},
		"a string": {`"` + strings.Repeat("x", maxString) + `"`, true, func(s *Scanner) { s.Text() }},
		"a string too long to keep": {
			`"` + strings.Repeat("x", maxString+128<<10) + `"`, false, func(s *Scanner) { s.Text() },
		},
		"a string that is skipped": {`"` + strings.Repeat(`x\n`, maxString) + `"`, true, (*Scanner).Skip},
		"a number too long":        {strings.Repeat("1", maxString+1), false, (*Scanner).Skip},
	} {
		s := Scanner{Source: strings.NewReader(test.text)}
		if test.read(&s); s.over() != test.good {
			t.Errorf("%s: %v", name, s.Err)
		}
		if name == "a string that is skipped" && cap(s.buf) > 64<<10 {
			t.Errorf("skipping a string held %d bytes", cap(s.buf))
		}
	}
}

func TestRepeats(t *testing.T) {
	const text = `{"a":[1,"é"]}`
	input := text + " \n" + text + `{"a":[1,"e"]}` + text[:5]
	for name, source := range map[string]io.Reader{
		"whole": strings.NewReader(input), "byte by byte": iotest.OneByteReader(strings.NewReader(input)),
	} {
		s := Scanner{Source: source}
		if s.Repeats([]byte(text)); s.Since(0) == nil || string(s.Since(0)) != text {
			t.Errorf("%s: Since returns %q", name, s.Since(0))
		}
		if !s.Repeats([]byte(text)) || s.Repeats([]byte(text)) || s.Found() != "'{'" {
			t.Errorf("%s: at byte %d: %s", name, s.Offset(), s.Found())
		}
		if s.Skip(); s.Repeats([]byte(text)) || s.Err != nil {
			t.Errorf("%s: the beginning of the text repeats it, or is an error: %v", name, s.Err)
		}
		if s.Skip(); s.Err == nil || s.Err.(*Error).Offset != int64(len(input)) {
			t.Errorf("%s: %v", name, s.Err)
		}
	}
}

// Uint reads what Number reads, or nothing.
func TestUint(t *testing.T) {
	for text, want := range map[string]bool{
		"0,": true, "7 ": true, "123456789012345678]": true, "1234567890123456789,": false, "01,": false, "1.5,": false,
		"1e3,": false, "1E3,": false, "-1,": false, "1": false, "x": false, " 1,": false, "": false,
	} {
		s := Scanner{Source: strings.NewReader(text)}
		s.More()
		u, ok := s.Uint()
		if digits := text[:s.Offset()]; ok != want || !ok && digits != "" || ok && digits != strconv.FormatUint(u, 10) {
			t.Errorf("%q: %d, %v; %q is read", text, u, ok, digits)
		}
	}
}

func TestAhead(t *testing.T) {
	deep := strings.Repeat("[", maxDepth/2)
	for _, test := range []struct{ text, want string }{
		{`{"a":1},2`, `{"a":1}`},
		{`{"a":1`, ""},
		{strings.Repeat("x", 255) + "}", strings.Repeat("x", 255) + "}"},
		{strings.Repeat("x", 256) + "}", ""},
		{deep + "{}", ""},
		{deep[1:] + "{}", "{}"},
	} {
		s := Scanner{Source: strings.NewReader(test.text)}
		for s.Peek() == '[' {
			s.open('[', ']', "")
		}
		if got := s.Ahead('}'); string(got) != test.want {
			t.Errorf("%.20q: %q, want %q", test.text, got, test.want)
		}
	}
}

// TestSpecial puts two bytes of any value next to one another at each place in two words of eight.
func TestSpecial(t *testing.T) {
	plain := []byte("0123456789abcdefghi")
	for at := range len(plain) - 1 {
		for pair := range 1 << 16 {
			b := slices.Clone(plain)
			b[at], b[at+1] = byte(pair>>8), byte(pair)
			wantEnd := bytes.IndexFunc(b[1:], func(c rune) bool { return c < ' ' || c == '"' || c == '\\' })
			if wantEnd++; wantEnd == 0 {
				wantEnd = len(b)
			}
			wantASCII := !slices.ContainsFunc(b[1:max(1, wantEnd)], func(c byte) bool { return c >= utf8.RuneSelf })
			if end, ascii := special(b, 1); end != wantEnd || ascii != wantASCII {
				t.Fatalf("%q: %d, %v; want %d, %v", b, end, ascii, wantEnd, wantASCII)
			}
		}
	}
}
