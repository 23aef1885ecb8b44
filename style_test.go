package gaptrace_test

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	codeWidth    = 120 // characters of a line, as lll counts them: a tab is one
	commentWidth = 100
	longWord     = 40 // bytes of a word or a string literal; a longer one may stick out
)

// TestLineWidths checks all Go files: code within 120 characters, comments within 100. A line may
// be longer if it holds a long word or string literal.
func TestLineWidths(t *testing.T) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for line, problem := range tooWide(source) {
			t.Errorf("%s:%d: %s", filepath.ToSlash(name), line, problem)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// isLong reports whether a word, such as a URL, is too long to wrap well.
func isLong(word string) bool { return len(word) > longWord }

// tooWide returns what is wrong with the lines of a file, by their numbers.
func tooWide(source []byte) map[int]string {
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, scanner.ScanComments)
	exempt, comments, code := map[int]bool{}, map[int]bool{}, map[int]bool{}
	output := false // within the output of an example
	for {
		pos, kind, text := s.Scan()
		if kind == token.EOF {
			break
		}
		output = kind == token.COMMENT && (output || strings.HasPrefix(text, "// Output:"))
		first := file.Line(pos)
		for n := first; n <= first+strings.Count(text, "\n"); n++ {
			switch {
			case output:
				exempt[n] = true
			case kind == token.COMMENT:
				comments[n] = true
			case kind == token.SEMICOLON && text == "\n":
			case kind == token.STRING && (len(text) > longWord || strings.Contains(text, "\n")):
				exempt[n] = true
			default:
				code[n] = true
			}
		}
	}
	problems := map[int]string{}
	for i, line := range strings.Split(string(source), "\n") {
		width := utf8.RuneCountInString(line)
		switch n := i + 1; {
		case exempt[n] || strings.Contains(line, "//go:") || slices.ContainsFunc(strings.Fields(line), isLong):
		case comments[n] && !code[n] && width > commentWidth:
			problems[n] = "comment is longer than 100 characters"
		case code[n] && width > codeWidth:
			problems[n] = "code is longer than 120 characters"
		}
	}
	return problems
}

func TestTooWide(t *testing.T) {
	wide := strings.Repeat("x ", 60)
	for name, c := range map[string]struct {
		source string
		lines  int
	}{
		"short":                   {"package p\n\n// short\nvar x = 1\n", 0},
		"a comment":               {"package p\n\n// " + wide + "\n", 1},
		"code":                    {"package p\n\nvar x = 0" + strings.Repeat(" + 1", 30) + "\n", 1},
		"a comment after code":    {"package p\n\nvar x int // " + wide + "\n", 1},
		"a long literal":          {"package p\n\nvar x = \"a " + wide + "\"\n", 0},
		"a raw literal":           {"package p\n\nvar x = `\n" + wide + wide + "\n`\n", 0},
		"a long word":             {"package p\n\n// https://example.com/" + strings.Repeat("x", 120) + "\n", 0},
		"a tab is one":            {"package p\n\nfunc f() {\n\t// " + wide[:97] + "\n}\n", 1},
		"runes, not bytes, count": {"package p\n\n// " + strings.Repeat("µ ", 45) + "\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tooWide([]byte(c.source)); len(got) != c.lines {
				t.Errorf("%v, want %d lines", got, c.lines)
			}
		})
	}
}

// TestLineWidthsOfDocuments checks the prose of documents, but not tables, code, and long links.
func TestLineWidthsOfDocuments(t *testing.T) {
	for name, text := range documents(t) {
		if name == "docs/fidelity.md" { // its generator does not wrap
			continue
		}
		code := false
		for i, line := range strings.Split(text, "\n") {
			switch trimmed := strings.TrimSpace(line); {
			case strings.HasPrefix(trimmed, "```"):
				code = !code
			case code || strings.HasPrefix(line, "    ") || strings.HasPrefix(trimmed, "|"), strings.HasPrefix(trimmed, "<"):
			case slices.ContainsFunc(strings.Fields(line), isLong):
			case utf8.RuneCountInString(line) > commentWidth:
				t.Errorf("%s:%d: longer than %d characters", name, i+1, commentWidth)
			}
		}
	}
}

var link = regexp.MustCompile(`(?:\]\(|srcset="|src=")([^)"#]+)`)

// TestLinksInDocuments looks up the file of each relative link.
func TestLinksInDocuments(t *testing.T) {
	found := 0
	for name, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), match[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, match[1], err)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d links found", found)
	}
}
