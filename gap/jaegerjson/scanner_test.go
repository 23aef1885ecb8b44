package jaegerjson

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// anything reads a value as encoding/json would, with UseNumber.
func (s *scanner) anything() any {
	switch c := s.peek(); {
	case c == '{':
		m := map[string]any{}
		s.object(func(key []byte) {
			k := string(key)
			m[k] = s.anything()
		})
		return m
	case c == '[':
		a := []any{}
		s.array(func() { a = append(a, s.anything()) })
		return a
	case c == '"':
		return string(s.text())
	case c == '-' || digit(c):
		return json.Number(s.number())
	case c == 't':
		s.literal("true")
		return true
	case c == 'f':
		s.literal("false")
		return false
	}
	s.skip()
	return nil
}

// over says whether nothing but white space is left.
func (s *scanner) over() bool {
	s.peek()
	_, more := s.at(0)
	return s.err == nil && !more && s.end == io.EOF
}

// FuzzScanner holds the scanner against encoding/json: both take the same for JSON, and read the same from it. How the input
// comes makes no difference.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+3,true,false,null,"\u00e9\ud83d\ude00\ud83d \\ \" \/ é"],"":{},"a":[]}`, ` [ ] `, `{"a" : 1 , "b":2}`, `"`, `[1,]`, `{"a":1,}`, `{"a"}`, `01`, `-`, `1.`,
		`1e`, `"\x"`, `"\u12"`, "\"\x01\"", "\"\xff\"", `nul`, `tru`, `{}{}`, `[[[[`, ``, `{"a":1 "b"}`, `1 2`, `+1`, `.5`, "\ufeff1", `"a`, `{"`, `[1`, `"\`, "\x00", "[\x00]",
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
		for name, reader := range map[string]io.Reader{"whole": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data))} {
			s := scanner{source: reader}
			if got := s.anything(); s.over() != valid || valid && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %#v, %v; encoding/json: %#v, valid %v", name, got, s.err, want, valid)
			}
		}
		for name, reader := range map[string]io.Reader{"whole": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data))} {
			s := scanner{source: reader}
			if s.skip(); s.over() != valid {
				t.Errorf("skipped %s: %v; encoding/json: valid %v", name, s.err, valid)
			}
		}
	})
}

func TestDepthAndLengthAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		good bool
		read func(*scanner)
	}{
		"depth":                     {strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), true, (*scanner).skip},
		"too deep":                  {strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), false, (*scanner).skip},
		"too deep in objects":       {strings.Repeat(`{"":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1), false, (*scanner).skip},
		"a string":                  {`"` + strings.Repeat("x", maxString) + `"`, true, func(s *scanner) { s.text() }},
		"a string too long to keep": {`"` + strings.Repeat("x", maxString+128<<10) + `"`, false, func(s *scanner) { s.text() }},
		"but not to skip":           {`"` + strings.Repeat(`x\n`, maxString) + `"`, true, (*scanner).skip},
		"a number too long":         {strings.Repeat("1", maxString+1), false, (*scanner).skip},
	} {
		s := scanner{source: strings.NewReader(test.text)}
		if test.read(&s); s.over() != test.good {
			t.Errorf("%s: %v", name, s.err)
		}
		if name == "but not to skip" && cap(s.buf) > 64<<10 {
			t.Errorf("skipping a string held %d bytes", cap(s.buf))
		}
	}
}
