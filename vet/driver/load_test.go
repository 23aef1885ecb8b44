package driver_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/vet"
	"github.com/gaptrace/gaptrace/vet/driver"
)

const goMod = `
-- go.mod --
module example.com/app

go 1.26
`

// client is a package with a finding of GT101 in line 5.
const client = `package p

import "net/http"

var Client = new(http.Client)

func Get() { Client.Get("http://example.com/") }
`

// problems formats the problems of a program, one a line.
func problems(p *driver.Program) string {
	var all []string
	for _, problem := range p.Problems {
		all = append(all, problem.String())
	}
	return strings.Join(all, "\n")
}

func TestLoadWithErrors(t *testing.T) {
	for name, c := range map[string]struct {
		files, problems string
		findings        string
	}{
		"a type error": {
			goMod + "-- p.go --\n" + client + "\nfunc f() { undefined1(); undefined2() }\n",
			"p.go:9:12: undefined: undefined1 (and 1 more in this package)", "p.go:5 GT101\n",
		},
		"a syntax error": {
			goMod + "-- p.go --\n" + client + "\nfunc f( {\n",
			"p.go:9:9: expected ')', found '{'", "p.go:5 GT101\n",
		},
		"a missing module": {
			goMod + "-- p.go --\n" + strings.Replace(client, `import "net/http"`, "import (\n\"net/http\"\n\"example.org/none\"\n)", 1) +
				"\nvar _ = none.X\n",
			"p.go:5:1: no required module provides package example.org/none; to add it: go get example.org/none", "p.go:8 GT101\n",
		},
		"a missing package of the module": {
			goMod + "-- p.go --\npackage p\n\nimport _ \"example.com/app/none\"\n-- q/q.go --\n" + client,
			"p.go:3:8: no required module provides package example.com/app/none", "q/q.go:5 GT101\n",
		},
		"an import cycle": {
			goMod + "-- p/p.go --\npackage p\n\nimport _ \"example.com/app/q\"\n" +
				"-- q/q.go --\npackage q\n\nimport _ \"example.com/app/p\"\n-- r/r.go --\n" + client,
			"import cycle", "r/r.go:5 GT101\n",
		},
		"an embedded file": {
			goMod + "-- p.go --\n" + client + "\n//go:embed none\nvar x string\n", "", "p.go:5 GT101\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, c.files)
			p := load(t, driver.Config{Dir: dir})
			if got := problems(p); !strings.Contains(got, c.problems) || c.problems == "" && got != "" {
				t.Errorf("problems:\n%s\nwant\n%s", got, c.problems)
			}
			if got := lines(dir, p.Vet(vet.Options{}).Findings); got != c.findings {
				t.Errorf("findings:\n%s\nwant\n%s", got, c.findings)
			}
		})
	}
}

func TestLoadNothing(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		files   string
		pattern string
		message string
	}{
		"no module":                  {t.Context(), "-- p.go --\n" + client, "./...", "there is no go.mod in the current directory or its parents"},
		"a module without packages":  {t.Context(), goMod, "./...", "no Go packages match ./..."},
		"a package that is not here": {t.Context(), goMod, "./none", "none: directory not found"},
		"a newer Go release":         {t.Context(), "-- go.mod --\nmodule m\n\ngo 1.999\n-- p.go --\n" + client, ".", "go.mod requires go >= 1.999"},
		"a go.mod with an error":     {t.Context(), "-- go.mod --\nmodule m\n\nrequire x\n-- p.go --\n" + client, ".", "go.mod:3"},
		"canceled":                   {canceled, goMod + "-- p.go --\n" + client, ".", "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := driver.Load(c.ctx, driver.Config{Dir: tree(t, c.files), Patterns: []string{c.pattern}, Env: offline()})
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("error %v, want %q", err, c.message)
			}
			if name == "canceled" && !errors.Is(err, context.Canceled) {
				t.Errorf("%v is not context.Canceled", err)
			}
		})
	}
}

// What cgo declares has no types, but cgo does not run either: no C compiler is needed.
func TestLoadCgo(t *testing.T) {
	dir := tree(t, goMod+`
-- p.go --
package app

// #include "does_not_exist.h"
// typedef struct { int n; } thing;
import "C"

import "net/http"

var Client = new(http.Client)

func Get(x C.thing) C.int {
	Client.Get("http://example.com/")
	return x.n + C.call(C.CString("x"))
}

const Any = int32(C.ANY)
-- q/q.go --
package q

import "example.com/app"

var Partition = struct{ n int32 }{n: app.Any}
`)
	p := load(t, driver.Config{Dir: dir, Env: append(offline(), "CGO_ENABLED=1", "CC=none")})
	if got := problems(p); got != "" {
		t.Error(got)
	}
	if got := lines(dir, p.Vet(vet.Options{}).Findings); got != "p.go:9 GT101\n" {
		t.Errorf("findings:\n%s", got)
	}
}

func TestLoadOptions(t *testing.T) {
	dir := tree(t, goMod+"-- p.go --\npackage p\n"+
		"-- tagged.go --\n//go:build special\n\n"+client+
		"-- p_test.go --\n"+client+
		"-- x_test.go --\n"+strings.Replace(client, "package p", "package p_test", 1)+
		"-- windows_windows.go --\n"+client)
	for name, c := range map[string]struct {
		config driver.Config
		want   string
	}{
		"none":     {driver.Config{}, ""},
		"a tag":    {driver.Config{Flags: []string{"-tags=special"}}, "tagged.go:7 GT101\n"},
		"tests":    {driver.Config{Tests: true}, "p_test.go:5 GT101\nx_test.go:5 GT101\n"},
		"platform": {driver.Config{Env: append(offline(), "GOOS=windows", "GOARCH=386")}, "windows_windows.go:5 GT101\n"},
		"overlay": {
			driver.Config{Overlay: map[string][]byte{filepath.Join(dir, "p.go"): []byte("// moved\n" + client)}},
			"p.go:6 GT101\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Dir = dir
			p := load(t, c.config)
			if got := problems(p); got != "" {
				t.Error(got)
			}
			if got := lines(dir, p.Vet(vet.Options{Tests: c.config.Tests}).Findings); got != c.want {
				t.Errorf("findings:\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Files cannot be listed together with packages.
func TestLoadFile(t *testing.T) {
	dir := tree(t, goMod+"-- a.go --\n"+client+"-- b.go --\n"+client)
	p := load(t, driver.Config{Dir: dir, Patterns: []string{"b.go"}})
	if got := lines(dir, p.Vet(vet.Options{}).Findings); got != "b.go:5 GT101\n" {
		t.Errorf("findings:\n%s", got)
	}
}

// GOFLAGS=-mod=mod lets the go command change go.mod. It must stay until the fixes are written.
func TestFixChangesNoGoMod(t *testing.T) {
	dir := tree(t, goMod+"-- p.go --\n"+client)
	p := load(t, driver.Config{Dir: dir, Env: append(offline(), "GOFLAGS=-mod=mod")})
	fixes, err := p.Fix(t.Context(), vet.Options{}, "v0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	if text := read(t, dir, "go.mod"); text != "module example.com/app\n\ngo 1.26\n" || len(fixes.Fixed) != 1 {
		t.Errorf("fixed %v, go.mod is\n%s", fixes.Fixed, text)
	}
}

func TestLoadVendor(t *testing.T) {
	dir := tree(t, `
-- go.mod --
module example.com/app

go 1.26

require github.com/go-redis/redis/v8 v8.11.5
-- p.go --
package p

import "github.com/go-redis/redis/v8"

var Client = redis.NewClient(nil)
-- vendor/modules.txt --
# github.com/go-redis/redis/v8 v8.11.5
## explicit; go 1.17
github.com/go-redis/redis/v8
-- vendor/github.com/go-redis/redis/v8/redis.go --
package redis

import "net/http"

type Client struct{ c *http.Client }

type Hook interface{}

func (c *Client) AddHook(h Hook) {}

func NewClient(x any) *Client { return &Client{&http.Client{}} }
`)
	p := load(t, driver.Config{Dir: dir})
	if got := problems(p); got != "" {
		t.Error(got)
	}
	if got := lines(dir, p.Vet(vet.Options{}).Findings); got != "p.go:5 GT103\n" {
		t.Errorf("findings:\n%s", got)
	}
	fixes := fix(t, dir)
	if len(fixes.Modules) != 1 || strings.Join(fixes.Modules[0].Commands, " && ") != "go mod tidy && go mod vendor" {
		t.Errorf("modules %+v", fixes.Modules)
	}
	if text := read(t, dir, "p.go"); !strings.Contains(text, "gapredis.Wrap(redis.NewClient(nil))") {
		t.Errorf("p.go is\n%s", text)
	}
}

func TestLoadWorkspace(t *testing.T) {
	dir := tree(t, `
-- go.work --
go 1.26

use (
	./app
	./gaptrace
	./lib
)
-- app/go.mod --
module example.com/app

go 1.26
-- app/main.go --
package main

import (
	"example.com/lib"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func main() { nethttp.WrapClient(lib.Wrapped).Get("") }
-- lib/go.mod --
module example.com/lib

go 1.26
-- lib/lib.go --
package lib

import "net/http"

var (
	Wrapped = new(http.Client)
	Raw     = new(http.Client)
)

func Get() {
	Raw.Get("")
	Wrapped.Get("")
}
-- gaptrace/go.mod --
module github.com/gaptrace/gaptrace

go 1.26
-- gaptrace/contrib/nethttp/nethttp.go --
package nethttp

import "net/http"

func WrapClient(c *http.Client) *http.Client { return c }
`)
	for pattern, want := range map[string]string{"./lib": "lib/lib.go:7 GT101\n", "./app": "app/main.go:9 GT501\n"} {
		p := load(t, driver.Config{Dir: dir, Patterns: []string{pattern}})
		if got := problems(p); got != "" {
			t.Error(got)
		}
		if got := lines(dir, p.Vet(vet.Options{}).Findings); got != want {
			t.Errorf("findings in %s:\n%s\nwant\n%s", pattern, got, want)
		}
	}
}

// Go 1.20 has no context.WithoutCancel, so no context can be used there.
func TestContextOfOlderGo(t *testing.T) {
	const source = `
-- p.go --
package p

import (
	"net/http"
	"time"
)

func f(r *http.Request) {
	time.AfterFunc(time.Second, func() { http.NewRequest("GET", "http://example.com", nil) })
}
`
	for version, findings := range map[string]int{"1.20": 0, "1.21": 1} {
		dir := tree(t, "-- go.mod --\nmodule example.com/app\n\ngo "+version+"\n"+source)
		r := load(t, driver.Config{Dir: dir}).Vet(vet.Options{})
		if len(r.Findings) != findings || len(r.Skipped) != 1-findings {
			t.Errorf("go %s: findings %v, skipped %v", version, r.Findings, r.Skipped)
		}
	}
}
