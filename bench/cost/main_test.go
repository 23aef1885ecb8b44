package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the tests' program be the parts of this one that are processes of their own.
func TestMain(m *testing.M) {
	if part := partOf(os.Args[1:]); part != nil {
		if err := part(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestWhatCannotBeMeasuredAsItSaysIsRefused(t *testing.T) {
	lacking := filepath.Join(t.TempDir(), "lacking.md")
	if err := os.WriteFile(lacking, []byte("<!-- bench/cost -->\n<!-- end -->\n<!-- bench/cost -service -->\n<!-- end -->\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"-rounds -5", "-rounds -5"},
		{"-service -rounds -3", "-rounds -3"},
		{"-short -room nosuch", "-room nosuch"},
		{"-short -export -room 10.MB", "-export"}, // whose calls are in another measurement alone
		{"-short -peer nosuch", "-peer nosuch"},
		{"-short -room redis -peer sqlmw", "-peer sqlmw"}, // who is of another room
		{"-service -room redis", "-room"},
		{"-service -peer sqlmw", "-peer"},
		{"-service -export", "-export"},
		{"-short -export", "-export"},
		{"-write lacking -room redis", "-room"},
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

func TestNobodyButGaptraceMayBeMeasured(t *testing.T) {
	for _, pattern := range []string{"^$", "gaptrace"} { // the first is how the CI says it
		var stdout, stderr strings.Builder
		if err := command([]string{"-rounds", "1", "-room", "redis GET", "-peer", pattern, "-json"}, &stdout, &stderr); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		if strings.Contains(stdout.String(), `"contender": "redisotel"`) || !strings.Contains(stdout.String(), `"contender": "gaptrace"`) {
			t.Errorf("%s: %s", pattern, stdout.String())
		}
	}
}

func TestHelpIsGivenToWhoAsksForIt(t *testing.T) {
	var stdout, stderr strings.Builder
	if err := command([]string{"-h"}, &stdout, &stderr); err != nil {
		t.Error(err)
	}
	help := stdout.String()
	for _, flag := range []string{"-short", "-json", "-export", "-service", "-rounds", "-write", "-room", "-peer"} {
		if !strings.Contains(help, "  "+flag) {
			t.Errorf("%s is not explained:\n%s", flag, help)
		}
	}
	for _, part := range []string{asSink, asService} {
		if strings.Contains(help, part+"\n") {
			t.Errorf("%s is explained, which is for nobody:\n%s", part, help)
		}
	}
}
