package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
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
	released := make(chan bool, 1)
	stderr := writerFunc(func(p []byte) (int, error) { // of --stats, which come when the report is there
		interrupt()
		<-released
		released <- true
		return len(p), nil
	})
	code := run(ctx, func() { released <- true }, []string{"report", "--stats", "-o", name, shopTraces}, nil, io.Discard, stderr)
	if _, err := os.Stat(name); code != 0 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}
