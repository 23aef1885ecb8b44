package weaver

import (
	"slices"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	for args, want := range map[string]string{
		"build":                                    "build -overlay=o",
		"build -o app -race ./cmd/a ./b":           "build -overlay=o -o app -race ./cmd/a ./b EXTRA",
		"build -tags=a,b --tags c .":               "build -overlay=o -tags=c . EXTRA",
		"build -overlay mine.json .":               "build -overlay=o . EXTRA",
		"build -race -- . ./b":                     "build -overlay=o -race -- . ./b EXTRA",
		"run -race . -race x":                      "run -overlay=o -race . EXTRA -race x",
		"run a.go b.go x -y":                       "run -overlay=o a.go b.go EXTRA x -y",
		"run a.go -- b.go":                         "run -overlay=o a.go EXTRA -- b.go",
		"run -- . -tags=x":                         "run -overlay=o -- . EXTRA -tags=x",
		"run -exec time . x":                       "run -overlay=o -exec time . EXTRA x",
		"test -run TestX ./a ./b -v -tags=t":       "test -overlay=o -tags=t -run TestX ./a ./b EXTRA -v",
		"test ./a -count 2 -args -tags=x ./b":      "test -overlay=o ./a EXTRA -count 2 -args -tags=x ./b",
		"test ./a -count 2 -- -tags=x ./b":         "test -overlay=o ./a EXTRA -count 2 -- -tags=x ./b",
		"test ./a x_test -v ./b -tags=t":           "test -overlay=o ./a x_test EXTRA -v ./b -tags=t",
		"test -test.run TestX ./a -test.v -tags=t": "test -overlay=o -tags=t -test.run TestX ./a EXTRA -test.v",
		"test --test.count=1 -test.v ./a":          "test -overlay=o --test.count=1 -test.v ./a EXTRA",
		"test ./a -mine x -tags=t rest -tags=u":    "test -overlay=o -tags=t ./a EXTRA -mine x rest -tags=u",
		"install -C /tmp -ldflags=-s -trimpath ./": "install -overlay=o -ldflags=-s -trimpath ./ EXTRA",

		// A flag that go test does not know ends the packages, so the current folder is tested.
		"test -mine ./a -run X rest": "test -overlay=o -mine ./a -run X rest",
		"test -test.mine=1 -v ./a":   "test -overlay=o -test.mine=1 -v ./a",
		"test -- ./a":                "test -overlay=o -- ./a",
	} {
		words := strings.Fields(args)
		a := parseGoArgs(words[0], words[1:])
		var extra []string
		if len(a.packages) > 0 {
			extra = []string{"EXTRA"}
		}
		got := strings.Join(a.command(words[0], "o", a.tags, extra), " ")
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", args, got, want)
		}
	}
}

func TestGOFLAGS(t *testing.T) {
	a := parseGoArgs("build", []string{"-tags", "mine", "."})
	a.addDefaults("-tags=theirs -overlay=o.json -trimpath -mod=mod -cover")
	if a.tags != "mine" || a.overlay != "o.json" || !a.trimpath || !a.cover || a.mod != "" {
		t.Errorf("%+v", a)
	}
	a = parseGoArgs("test", []string{"-test.coverprofile", "c.out", "-trimpath=0", "."})
	a.addDefaults("-trimpath")
	if !a.cover || a.trimpath || !slices.Equal(a.packages, []string{"."}) {
		t.Errorf("%+v", a)
	}
	if got := withoutMod("-p=1 -mod=mod --mod=vendor -v"); got != "-p=1 -v" {
		t.Errorf("withoutMod returns %q", got)
	}
}

func TestGoReleases(t *testing.T) {
	for goversion, want := range map[string]string{
		"go1.26.0":                       "",
		"go1.26.11 X:nodwarf5":           "",
		"go1.28rc1":                      "",
		"go1.25.9":                       "go1.25.9 is too old",
		"devel go1.28-abcdef Mon Jan  2": "unknown Go version",
		"":                               "unknown Go version",
	} {
		switch _, err := goRelease(goversion); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", goversion, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v; want %s", goversion, err, want)
		}
	}
}
