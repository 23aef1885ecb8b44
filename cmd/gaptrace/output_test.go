package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const shopTraces = "testdata/traces/shop.json"

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestOutputEndsWithContext(t *testing.T) {
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	out := newOutput(ctx, nil)
	name := filepath.Join(dir, "out.json")
	if err := out.open(name); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, "{}"); err != nil {
		t.Fatal(err)
	}
	interrupt()
	if _, err := io.WriteString(out, "{}"); !errors.Is(err, context.Canceled) {
		t.Errorf("written after the interrupt: %v", err)
	}
	if err := out.commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("committed: %v", err)
	}
	if !out.discard() {
		t.Error("not discarded")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := out.open(name); err == nil {
		t.Error("opened after discard")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestInterruptLeavesNothing(t *testing.T) {
	for name, arg := range map[string]string{"query service": "hangs", "pipe": "-"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ctx, interrupt := context.WithCancel(t.Context())
			j := newJaeger(dir)
			defer j.Close()
			stdin, in := io.Pipe()
			go func() {
				if arg == "-" {
					io.WriteString(in, `{"data":[`)
				} else {
					<-j.hangs
				}
				interrupt()
			}()
			out := filepath.Join(dir, "out.json")
			args := []string{"report", "-o", out, "--service", "bookshop", arg}
			if arg != "-" {
				args[len(args)-1] = j.URL + "/" + arg
			}
			var stdout, stderr strings.Builder
			code := run(ctx, func() {}, args, stdin, &stdout, &stderr)
			if code != exitInterrupted || stdout.String() != "" || stderr.String() != "gaptrace: interrupted\n" {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*out*")); left != nil {
				t.Errorf("left: %v", left)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".gaptrace*")); left != nil {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestInterruptDuringLastWrite(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var stderr strings.Builder
	stdout := writerFunc(func(p []byte) (int, error) { interrupt(); return len(p), nil })
	code := run(ctx, func() {}, []string{"report", shopTraces}, nil, stdout, &stderr)
	if code != exitInterrupted || stderr.String() != "gaptrace: interrupted\n" {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

func TestInterruptAfterCommitKeepsReport(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.json")
	ctx, interrupt := context.WithCancel(t.Context())
	released := make(chan bool)
	var once sync.Once
	stderr := writerFunc(func(p []byte) (int, error) { // --stats prints after the commit
		interrupt()
		<-released
		return len(p), nil
	})
	release := func() { once.Do(func() { close(released) }) }
	code := run(ctx, release, []string{"report", "--stats", "-o", name, shopTraces}, nil, io.Discard, stderr)
	if _, err := os.Stat(name); code != 0 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestReleaseComesAfterCleanup(t *testing.T) {
	dir := t.TempDir()
	j := newJaeger(t.TempDir())
	defer j.Close()
	files := func() int {
		entries, _ := os.ReadDir(dir)
		return len(entries)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	released := make(chan bool)
	var once sync.Once
	// The first line is about a retry. The command hangs until the write returns.
	stderr := writerFunc(func(p []byte) (int, error) {
		once.Do(func() {
			if files() != 1 {
				t.Errorf("%d temporary files, want 1", files())
			}
			interrupt()
			<-released
		})
		return len(p), nil
	})
	releases := 0
	release := func() {
		if releases++; files() > 0 {
			t.Error("a file is left")
		}
		if releases == 1 {
			close(released)
		}
	}
	args := []string{"report", "-o", filepath.Join(dir, "out.json"), "--service", "bookshop", j.URL + "/busy"}
	code := run(ctx, release, args, nil, io.Discard, stderr)
	if code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}
