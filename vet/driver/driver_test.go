package driver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/gaptrace/gaptrace/vet"
	"github.com/gaptrace/gaptrace/vet/driver"
)

// tree writes files in the form of txtar, and returns their folder.
func tree(t *testing.T, files string) string {
	t.Helper()
	dir := t.TempDir()
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for _, f := range txtar.Parse([]byte(files)).Files {
		write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), string(f.Data))
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(name), 0o777)
	if err == nil {
		err = os.WriteFile(name, []byte(text), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func load(t *testing.T, c driver.Config) *driver.Program {
	t.Helper()
	if c.Env == nil {
		c.Env = offline()
	}
	p, err := driver.Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// offline is the environment of a go command that downloads nothing, and knows no workspace.
func offline() []string {
	return append(os.Environ(), "GOPROXY=off", "GOWORK=", "GOFLAGS=", "GOTOOLCHAIN=local")
}

// lines formats findings without their messages: file:line rule.
func lines(dir string, findings []vet.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		name, _ := filepath.Rel(dir, f.Pos.Filename)
		fmt.Fprintf(&b, "%s:%d %s\n", filepath.ToSlash(name), f.Pos.Line, f.Rule)
	}
	return b.String()
}

// fix applies all fixes in a folder, and returns what was done.
func fix(t *testing.T, dir string) *driver.Fixes {
	t.Helper()
	fixes, err := load(t, driver.Config{Dir: dir}).Fix(t.Context(), vet.Options{}, "v0.1.0")
	if err == nil {
		err = fixes.Write(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return fixes
}

const app = `
-- go.mod --
module example.com/app

go 1.26
-- main.go --
package main

import (
	"net/http"

	"example.com/app/store"
)

func main() {
	s := store.New()
	c := &http.Client{}
	c.Get("http://example.com/")
	s.Client.Get("http://example.com/")
}
-- store/store.go --
package store

import "net/http"

type Store struct{ Client *http.Client }

func New() *Store { return &Store{Client: new(http.Client)} }
`

func TestOneGraphWhateverIsNamed(t *testing.T) {
	dir := tree(t, app)
	all := lines(dir, load(t, driver.Config{Dir: dir}).Vet(vet.Options{}).Findings)
	if !strings.Contains(all, "main.go:11 GT101") || !strings.Contains(all, "store/store.go:7 GT101") {
		t.Fatalf("findings of everything:\n%s", all)
	}
	var parts strings.Builder
	for _, pattern := range []string{".", "./store"} {
		p := load(t, driver.Config{Dir: dir, Patterns: []string{pattern}})
		parts.WriteString(lines(dir, p.Vet(vet.Options{}).Findings))
	}
	if parts.String() != all {
		t.Errorf("findings of the parts:\n%s\nof everything:\n%s", &parts, all)
	}
	p := load(t, driver.Config{Dir: filepath.Join(dir, "store"), Patterns: []string{".."}})
	if got := lines(dir, p.Vet(vet.Options{}).Findings); !strings.HasPrefix(all, got) || got == "" {
		t.Errorf("findings of .. from store:\n%s", got)
	}
}

func TestWrapElsewhereIsSeen(t *testing.T) {
	dir := tree(t, strings.Replace(app, `	s := store.New()
`, `	s := store.New()
	s.Client = nethttp.WrapClient(s.Client)
`, 1)+`
-- gaptrace/go.mod --
module github.com/gaptrace/gaptrace
-- gaptrace/contrib/nethttp/nethttp.go --
package nethttp

import "net/http"

func WrapClient(c *http.Client) *http.Client { return c }
`)
	write(t, filepath.Join(dir, "go.mod"), `module example.com/app

go 1.26

require github.com/gaptrace/gaptrace v0.0.0

replace github.com/gaptrace/gaptrace => ./gaptrace
`)
	main := filepath.Join(dir, "main.go")
	write(t, main, strings.Replace(read(t, main), `"net/http"
`, `"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
`, 1))
	p := load(t, driver.Config{Dir: dir, Patterns: []string{"./store"}})
	if len(p.Problems) > 0 {
		t.Fatal(p.Problems)
	}
	if got := lines(dir, p.Vet(vet.Options{}).Findings); got != "" {
		t.Errorf("main wraps the client, but store has findings:\n%s", got)
	}
}

func TestFix(t *testing.T) {
	dir := tree(t, app)
	fixes := fix(t, dir)
	if len(fixes.Files) != 2 || len(fixes.Fixed) != 2 || len(fixes.Refused) > 0 {
		t.Errorf("%d files changed, %d fixed, refused %v", len(fixes.Files), len(fixes.Fixed), fixes.Refused)
	}
	for name, want := range map[string]string{
		"store/store.go": "package store\n\nimport \"net/http\"\nimport \"github.com/gaptrace/gaptrace/contrib/nethttp\"\n\n" +
			"type Store struct{ Client *http.Client }\n\n" +
			"func New() *Store { return &Store{Client: nethttp.WrapClient(new(http.Client))} }\n",
		"go.mod": "module example.com/app\n\ngo 1.26.0\n\nrequire github.com/gaptrace/gaptrace v0.1.0\n",
	} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
	}
}
