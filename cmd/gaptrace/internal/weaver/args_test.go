package weaver

import (
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	for args, want := range map[string]string{
		"build":                                    "build -overlay=o",
		"build -o app -race ./cmd/a ./b":           "build -overlay=o -o app -race ./cmd/a ./b",
		"build -tags=a,b --tags c .":               "build -overlay=o -tags=c .",
		"build -overlay mine.json .":               "build -overlay=o .",
		"run -race . -race x":                      "run -overlay=o -race . EXTRA -race x",
		"run a.go b.go x -y":                       "run -overlay=o a.go b.go EXTRA x -y",
		"run -exec time . x":                       "run -overlay=o -exec time . EXTRA x",
		"test -run TestX ./a ./b -v -tags=t":       "test -overlay=o -tags=t -run TestX -v ./a ./b EXTRA",
		"test ./a -count 2 -args -tags=x ./b":      "test -overlay=o -count 2 ./a EXTRA -args -tags=x ./b",
		"test -mine . -run X rest":                 "test -overlay=o -mine -run X . EXTRA rest",
		"install -C /tmp -ldflags=-s -trimpath ./": "install -overlay=o -ldflags=-s -trimpath ./ EXTRA",
	} {
		words := strings.Fields(args)
		a := parseGoArgs(words[0], words[1:])
		got := strings.Join(a.command(words[0], "o", a.tags, []string{"EXTRA"}), " ")
		if !strings.Contains(want, "EXTRA") {
			got = strings.TrimSuffix(got, " EXTRA")
		}
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
