package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary run as a child process.
func TestMain(m *testing.M) {
	if process := childProcess(os.Args[1:]); process != nil {
		if err := process(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestWrongFlags(t *testing.T) {
	lacking := filepath.Join(t.TempDir(), "lacking.md")
	const sections = "<!-- bench/cost -->\n<!-- end -->\n<!-- bench/cost -service -->\n<!-- end -->\n"
	if err := os.WriteFile(lacking, []byte(sections), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"-rounds -5", "-rounds -5"},
		{"-service -rounds -3", "-rounds -3"},
		{"-short -case nosuch", "-case nosuch: no case matches; cases are: net/http GET, 100 bytes; net/http GET, 10 MB; "},
		{"-short -export -case 10.MB", "-export"}, // a long case, which -export leaves out
		{"-export -case 10.MB", "cases of -export are: net/http GET, 100 bytes; net/http server, 100 bytes; "},
		{"-short -peer nosuch", "-peer nosuch: no peer matches; "},
		{"-short -case redis -peer sqlmw", "-peer sqlmw: no peer matches; peers that wrap one of the calls are: "},
		{"-service -case redis", "-case"},
		{"-service -peer sqlmw", "-peer"},
		{"-service -export", "-export"},
		{"-woven -service", "-woven"},
		{"-woven -export", "-woven"},
		{"-short -export", "-export"},
		{"-write lacking -case redis", "-case"},
		{"-write lacking -peer sqlmw", "-peer"},
		{"-write lacking -short", "-short"},
		{"-write lacking -json", "-json"},
		{"-write nowhere -rounds 1", "nowhere"},
		{"-write lacking -rounds 1", "<!-- bench/cost -export -->"},
		{"-write lacking -export -rounds 1", "<!-- bench/cost -export -->"},
		{"-nosuch", "-nosuch"},
		{"-sink 1", "-sink"},
		{"nosuch", "nosuch"},
	} {
		var stdout, stderr strings.Builder
		args := strings.Fields(c.args)
		for i, arg := range args {
			if arg == "lacking" || arg == "nowhere" {
				args[i] = filepath.Join(filepath.Dir(lacking), arg+".md")
			}
		}
		if err := command(args, &stdout, &stderr); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
		if stdout.Len()+stderr.Len() > 0 { // such as the progress of a measurement
			t.Errorf("%s prints %q and %q", c.args, stdout.String(), stderr.String())
		}
	}
}

func TestPeerFlagMaySelectNone(t *testing.T) {
	for _, pattern := range []string{"^$", "gaptrace"} { // .ci/run uses the first
		var stdout, stderr strings.Builder
		args := []string{"-rounds", "1", "-case", "redis GET", "-peer", pattern, "-json"}
		if err := command(args, &stdout, &stderr); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		measured := func(name string) bool { return strings.Contains(stdout.String(), `"contender": "`+name+`"`) }
		if measured("redisotel") || !measured("gaptrace") {
			t.Errorf("%s: %s", pattern, stdout.String())
		}
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr strings.Builder
	if err := command([]string{"-h"}, &stdout, &stderr); err != nil {
		t.Error(err)
	}
	help := stdout.String()
	for _, flag := range []string{"-short", "-json", "-export", "-service", "-rounds", "-write", "-case", "-peer"} {
		if !strings.Contains(help, "  "+flag) {
			t.Errorf("help does not explain %s:\n%s", flag, help)
		}
	}
	for _, part := range []string{asSink, asService} {
		if strings.Contains(help, part+"\n") {
			t.Errorf("help explains %s, which is internal:\n%s", part, help)
		}
	}
}
