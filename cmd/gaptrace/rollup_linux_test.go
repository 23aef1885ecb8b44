package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

// shuffledSpans writes spans whose rows do not fit into 16 MiB, with those of each trace in all
// files.
func shuffledSpans(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	const parts = 3
	for part := range parts {
		var b bytes.Buffer
		if err := manyspans.WriteStored(&b, "realistic", 50_000, 70, part, parts); err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, fmt.Sprintf("%d.jsonl", part)))
		if err := os.WriteFile(files[part], b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestRollupBeyondMemory(t *testing.T) {
	files := shuffledSpans(t)
	t.Setenv("TMPDIR", t.TempDir())
	want := printed(t, "", append([]string{"top", "-f", "json"}, files...)...)
	wantText := printed(t, "", append([]string{"top"}, files...)...)
	reversed := []string{files[2], files[0], files[1]}
	for _, memory := range []string{"16MiB", "20MiB", "1GiB"} {
		if got := printed(t, "", append([]string{"rollup", "--memory", memory, "-f", "json"}, reversed...)...); got != want {
			t.Errorf("--memory %s: %s\nwant %s", memory, got, want)
		}
	}
	got := printed(t, "", append([]string{"rollup", "--memory", "16MiB"}, reversed...)...)
	if got != wantText {
		t.Errorf("%s\nwant %s", got, wantText)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	t.Run("without a folder for temporary files", func(t *testing.T) {
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
		var stderr strings.Builder
		args := append([]string{"rollup", "--memory", "16MiB"}, files...)
		code := run(t.Context(), func() {}, args, nil, io.Discard, &stderr)
		want := "gaptrace: cannot sort in the folder for temporary files, " + os.TempDir() +
			": no such file or directory; set TMPDIR to a folder with enough space, or raise --memory\n"
		if code != exitFailure || stderr.String() != want {
			t.Errorf("exit code %d, stderr %q", code, stderr.String())
		}
	})
	t.Run("with a full disk", func(t *testing.T) { // a limit on the size of files, since disks take root to make
		var stderr strings.Builder
		old := filepath.Join(t.TempDir(), "old.partial")
		if err := os.WriteFile(old, []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", append([]string{"-c", `ulimit -f 1000; exec gaptrace rollup --memory 16MiB "$@"`, "sh", "-o", old}, files...)...)
		p := start(t, cmd, nil, io.Discard, &stderr)
		status := p.end(t)
		if status.ExitStatus() != exitFailure || !strings.Contains(stderr.String(), ": file too large; set TMPDIR to a folder") {
			t.Errorf("exit code %d, stderr %q", status.ExitStatus(), stderr.String())
		}
		if text, err := os.ReadFile(old); err != nil || string(text) != "old" {
			t.Errorf("-o is %q, %v", text, err)
		}
	})
}

// TestRollupInterrupted ends the program while rows are in a temporary file.
func TestRollupInterrupted(t *testing.T) {
	spans, err := os.ReadFile(shuffledSpans(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			stdin, w := pipe(t)
			p := startProcess(t, stdin, io.Discard, io.Discard, "rollup", "--memory", "16MiB", "-")
			for range 3 {
				if _, err := w.Write(spans); err != nil { // and more never comes
					t.Fatal(err)
				}
			}
			opened := fmt.Sprintf("/proc/%d/fd", p.Process.Pid)
			eventually(t, "rows are in a file", func() bool {
				files, _ := os.ReadDir(opened)
				for _, f := range files {
					name, err := os.Readlink(filepath.Join(opened, f.Name()))
					if err == nil && strings.Contains(name, "gaptrace-rollup-") {
						return true
					}
				}
				return false
			})
			p.Process.Signal(sig)
			if status := p.end(t); sig == syscall.SIGTERM && status.ExitStatus() != exitInterrupted {
				t.Errorf("exit code %d", status.ExitStatus())
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestRollupShowsProgress(t *testing.T) {
	files := shuffledSpans(t)
	t.Setenv("TERM", "xterm")
	code, screen := onTerminal(t, 100, append([]string{"rollup", "--memory", "16MiB"}, files...)...)
	if code != 0 || !strings.Contains(screen, "Operations of 715 traces, 50000 spans") {
		t.Errorf("exit code %d: %q", code, screen)
	}
	if strings.Contains(screen, "\x1b[K") && !strings.Contains(screen, "reading ") &&
		!strings.Contains(screen, "analysing: ") {
		t.Errorf("a progress line without a task: %q", screen)
	}
}
