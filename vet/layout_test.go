package vet

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/astutil"
	"golang.org/x/tools/go/packages"
)

// TestLayouts fixes files that nobody has formatted, and files whose lines end in CRLF. After
// gofmt, the results are those of the golden files.
func TestLayouts(t *testing.T) {
	sources := map[string][]byte{}
	names, err := filepath.Glob("testdata/src/example/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		absolute, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		if sources[absolute], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func([]byte) []byte{
		"CRLF": func(s []byte) []byte { return bytes.ReplaceAll(s, []byte("\n"), []byte("\r\n")) },
		"not formatted": func(s []byte) []byte {
			s = bytes.ReplaceAll(s, []byte("\t"), nil)
			return bytes.ReplaceAll(s, []byte(", "), []byte(" ,"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := map[string][]byte{}
			for name, source := range sources {
				changed[name] = change(source)
			}
			fixed := map[string]int{}
			for _, p := range load(t, changed, cases) {
				for _, err := range p.Errors {
					t.Fatal(err)
				}
				for name, got := range apply(t, p, Check([]*packages.Package{p}, Options{}), changed) {
					fixed[name]++
					golden, err := os.ReadFile(name + ".golden")
					if err != nil {
						t.Error(err)
						continue
					}
					if want := layout(t, golden); got != want {
						t.Errorf("%s is fixed to:\n%s\nwant:\n%s", name, got, want)
					}
				}
			}
			for name := range sources {
				if _, err := os.Stat(name + ".golden"); err == nil && fixed[name] == 0 {
					t.Errorf("%s is not fixed", name)
				}
			}
		})
	}
}

// TestOneLine fixes two calls in one line, in a file whose imports are in one line too.
func TestOneLine(t *testing.T) {
	const source = `package lines
import ("net/http";"github.com/go-redis/redis/v8")
func oneLine( h http.Handler ){ if true { redis.NewClient( & redis.Options{ } ) }; http.ListenAndServe( ":80" , h ) }
`
	const want = `package lines

import (
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
	"net/http"
)

func oneLine(h http.Handler) {
	if true {
		gapredis.Wrap(redis.NewClient(&redis.Options{}))
	}
	http.ListenAndServe(":80", nethttp.WrapHandler(h))
}
`
	name, err := filepath.Abs("testdata/src/example/lines/oneline.go")
	if err != nil {
		t.Fatal(err)
	}
	replaced := map[string][]byte{name: []byte(source)}
	p := load(t, replaced, "example/lines")[0]
	r := Check([]*packages.Package{p}, Options{})
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Pos.Filename != name })
	if got := apply(t, p, r, replaced)[name]; got != layout(t, []byte(want)) {
		t.Errorf("fixed to:\n%s\nwant:\n%s", got, want)
	}
}

// layout returns a source without what layouts and the order of imports change.
func layout(t *testing.T, source []byte) string {
	t.Helper()
	formatted, err := format.Source(source)
	if err != nil {
		t.Errorf("%v in:\n%s", err, source)
		return ""
	}
	lines := strings.Split(string(formatted), "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(strings.ReplaceAll(strings.ReplaceAll(l, " ,", ", "), ",", ", ")), " ")
	}
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
}

// apply applies the edits of all findings in a package, and removes imports that are not used any
// more.
func apply(t *testing.T, p *packages.Package, r *Result, sources map[string][]byte) map[string]string {
	t.Helper()
	type edit struct {
		analysis.TextEdit
		offset int
	}
	edits := map[string][]edit{}
	for _, f := range r.Findings {
		for _, e := range f.Edits {
			file := p.Fset.File(e.Pos)
			name := file.Name()
			if !slices.ContainsFunc(edits[name], func(other edit) bool {
				return e.Pos == other.Pos && e.End == other.End && bytes.Equal(e.NewText, other.NewText)
			}) {
				edits[name] = append(edits[name], edit{e, file.Offset(e.Pos)})
			}
		}
	}
	fixed := map[string]string{}
	for name, list := range edits {
		slices.SortStableFunc(list, func(a, b edit) int { return a.offset - b.offset })
		var b []byte
		last := 0
		for _, e := range list {
			if e.offset < last {
				t.Errorf("%s: two edits overlap: %q", p.Fset.Position(e.Pos), e.NewText)
			}
			b = append(append(b, sources[name][last:e.offset]...), e.NewText...)
			last = e.offset + int(e.End-e.Pos)
		}
		fixed[name] = layout(t, withoutUnused(t, append(b, sources[name][last:]...)))
	}
	return fixed
}

func withoutUnused(t *testing.T, source []byte) []byte {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", source, parser.ParseComments)
	if err != nil {
		t.Errorf("%v in:\n%s", err, source)
		return nil
	}
	for _, spec := range slices.Clone(f.Imports) {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if spec.Name == nil && path == "database/sql" && !astutil.UsesImport(f, path) {
			astutil.DeleteImport(fset, f, path)
		}
	}
	ast.SortImports(fset, f)
	var b bytes.Buffer
	if err := format.Node(&b, fset, f); err != nil {
		t.Error(err)
	}
	return b.Bytes()
}
