package gaptrace_test

import (
	"go/parser"
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
	checkGoFiles(t, tooWide)
}

// TestCommentsAreFilled checks that a block of comments has one width. A line is too short if the
// first word of the next line would fit.
func TestCommentsAreFilled(t *testing.T) {
	checkGoFiles(t, tooShort)
}

// builtCollector is the folder that collector/builder.yaml makes. Git ignores it.
const builtCollector = "gaptrace-collector"

// checkGoFiles reports the problems that check finds in Go files, by their lines.
func checkGoFiles(t *testing.T, check func(source []byte) map[int]string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == builtCollector),
			d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for line, problem := range check(source) {
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

// tooShort returns the lines of comments that are wrapped too early, by their numbers.
func tooShort(source []byte) map[int]string {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", source, parser.ParseComments)
	if err != nil {
		return map[int]string{0: err.Error()}
	}
	problems := map[int]string{}
	lines := strings.Split(string(source), "\n")
	for _, block := range file.Comments {
		for i, comment := range block.List[:len(block.List)-1] {
			number := files.Position(comment.Pos()).Line
			indent, text, prose := strings.Cut(lines[number-1], "// ")
			next, nextProse := strings.CutPrefix(block.List[i+1].Text, "// ")
			if strings.HasSuffix(text, "utput:") { // of an example
				break
			}
			width := commentWidth - len("// ") - 4*len(indent) // an editor may show a tab as four
			if prose && nextProse && strings.TrimSpace(indent) == "" && wrapsEarly(text, next, width) {
				problems[number] = "the next word of the comment fits on the line"
			}
		}
	}
	return problems
}

var (
	listItem  = regexp.MustCompile(`^ *(?:[-*] |\d+\. )`)
	firstWord = regexp.MustCompile("^ *((?:`[^`]+`|\\[[^]]+\\]\\([^)]+\\))?\\S*)") // with all of a code span or link
)

// wrapsEarly reports whether line and next are of one paragraph, and the first word of next fits on
// the line.
func wrapsEarly(line, next string, width int) bool {
	word := firstWord.FindStringSubmatch(next)[1]
	switch {
	case word == "" || strings.TrimSpace(line) == "":
		return false
	case listItem.MatchString(next) || textColumn(line) != textColumn(next):
		return false
	case strings.HasPrefix(line, "#") || strings.HasPrefix(next, "#"): // a heading
		return false
	}
	return utf8.RuneCountInString(line)+len(" ")+utf8.RuneCountInString(word) <= width
}

// textColumn returns where the text of a line starts, after the bullet or number of a list's item.
func textColumn(line string) int {
	if marker := listItem.FindString(line); marker != "" {
		return len(marker)
	}
	return len(line) - len(strings.TrimLeft(line, " "))
}

func TestTooShort(t *testing.T) {
	const word = "x123456789 " // 11 columns
	line := strings.Repeat(word, 8)
	for name, c := range map[string]struct {
		comment string
		lines   int
	}{
		"filled":                 {"// " + line + "x\n// " + word, 0},
		"one word too early":     {"// " + line + "\n// x", 1},
		"the last line":          {"// x\n//\n// " + line, 0},
		"a list":                 {"//   - x\n//   - x", 0},
		"an item of a list":      {"//   - x\n//     x", 1},
		"after a list":           {"//   - x\n//\n// x", 0},
		"code":                   {"// x:\n//\n//\tx\n//\tx", 0},
		"a directive":            {"// x\n//go:generate x", 0},
		"output of an example":   {"// Output:\n// x\n// x", 0},
		"a long word":            {"// " + line[:60] + "\n// https://example.com/" + strings.Repeat("x", 40), 0},
		"tabs count as four":     {"func f() {\n\t\t// " + line + "\n\t\t// x123\n}", 0},
		"a comment after code":   {"var x = 1 // x\n// x", 0},
		"runes count, not bytes": {"// " + strings.Repeat("µ", 90) + "\n// x", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tooShort([]byte("package p\n\n" + c.comment + "\n")); len(got) != c.lines {
				t.Errorf("%v, want %d lines", got, c.lines)
			}
		})
	}
}

// TestLineWidthsOfDocuments checks that the prose of documents is wrapped as comments are. It does
// not check tables, code, and long links.
func TestLineWidthsOfDocuments(t *testing.T) {
	for name, text := range documents(t) {
		if name == "docs/fidelity.md" { // its generator does not wrap
			continue
		}
		code, before := false, "" // before is the line before, if it is prose
		for i, line := range strings.Split(text, "\n") {
			trimmed := strings.TrimSpace(line)
			fence := strings.HasPrefix(trimmed, "```")
			if fence {
				code = !code
			}
			if fence || code || trimmed == "" || strings.HasPrefix(line, "    ") || strings.ContainsAny(trimmed[:1], "|<") {
				before = ""
				continue
			}
			if utf8.RuneCountInString(line) > commentWidth && !slices.ContainsFunc(strings.Fields(line), isLong) {
				t.Errorf("%s:%d: longer than %d characters", name, i+1, commentWidth)
			}
			if wrapsEarly(before, line, commentWidth) {
				t.Errorf("%s:%d: the first word fits on the line before", name, i+1)
			}
			before = line
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

var (
	partLink = regexp.MustCompile(`\]\(([^)#\s]*)#([^)]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	block    = regexp.MustCompile("(?ms)^```.*?^```")
	noAnchor = regexp.MustCompile(`[^\pL\pN_ -]`)
)

// TestLinksToPartsOfDocuments looks up the heading of each link that ends with an anchor, as GitHub
// forms anchors.
func TestLinksToPartsOfDocuments(t *testing.T) {
	texts, found := documents(t), 0
	for name, text := range texts {
		for _, match := range partLink.FindAllStringSubmatch(text, -1) {
			target := name
			if match[1] != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), match[1]))
			}
			if _, ok := texts[target]; !ok {
				continue
			}
			found++
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(block.ReplaceAllString(texts[target], ""), -1) {
				anchors = append(anchors, strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
			}
			if !slices.Contains(anchors, match[2]) {
				t.Errorf("%s links to %s#%s: no such heading", name, target, match[2])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d links found", found)
	}
}
