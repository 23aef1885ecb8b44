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

// writerFunc is a stream.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestWhatWasWrittenWhenTheInterruptCameIsNoReport(t *testing.T) {
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
		t.Error("opened after all was discarded")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAnInterruptInTheLastWriteCounts(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var stderr strings.Builder
	stdout := writerFunc(func(p []byte) (int, error) { interrupt(); return len(p), nil })
	code := run(ctx, func() {}, []string{"report", shopTraces}, nil, stdout, &stderr)
	if code != exitInterrupted || stderr.String() != "gaptrace: interrupted\n" {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

func TestAReportThatIsThereIsNotTakenBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.json")
	ctx, interrupt := context.WithCancel(t.Context())
	released := make(chan bool)
	var once sync.Once
	stderr := writerFunc(func(p []byte) (int, error) { // of --stats, which come when the report is there
		interrupt()
		<-released
		return len(p), nil
	})
	code := run(ctx, func() { once.Do(func() { close(released) }) }, []string{"report", "--stats", "-o", name, shopTraces}, nil, io.Discard, stderr)
	if _, err := os.Stat(name); code != 0 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestASecondSignalMayComeWhenNothingIsLeft(t *testing.T) {
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
	stderr := writerFunc(func(p []byte) (int, error) { // first of a request that is made again: till this returns, the command hangs
		once.Do(func() {
			if files() != 1 {
				t.Errorf("%d files are begun, want 1", files())
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
	code := run(ctx, release, []string{"report", "-o", filepath.Join(dir, "out.json"), "--service", "bookshop", j.URL + "/busy"}, nil, io.Discard, stderr)
	if code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}
