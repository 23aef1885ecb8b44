//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bound is longer than anything here takes. What exceeds it hangs.
const bound = time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > bound {
			t.Fatalf("not within %v: %s", bound, what)
		}
	}
}

// tempFiles lists the temporary files of unfinished reports.
func tempFiles(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, ".gaptrace-*"))
	return files
}

// process is the program in a process of its own, for signals.
type process struct {
	*exec.Cmd
	ended chan error
}

func startProcess(t *testing.T, stdin io.Reader, stdout, stderr io.Writer, args ...string) *process {
	t.Helper()
	return start(t, exec.Command("gaptrace", args...), stdin, stdout, stderr)
}

func start(t *testing.T, cmd *exec.Cmd, stdin io.Reader, stdout, stderr io.Writer) *process {
	t.Helper()
	p := &process{cmd, make(chan error, 1)}
	p.Stdin, p.Stdout, p.Stderr = stdin, stdout, stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// end waits for the end of the process.
func (p *process) end(t *testing.T) syscall.WaitStatus {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(bound):
		t.Fatal("the process does not end")
	}
	return p.ProcessState.Sys().(syscall.WaitStatus)
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// manySpans writes a file whose report is larger than the buffer of a pipe.
func manySpans(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`{"data":[{"traceID":"1","processes":{"p":{"serviceName":"s"}},"spans":[`)
	for i := range 20_000 {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"traceID":"1","spanID":"%x","operationName":"o","startTime":%d,"duration":5,"processID":"p"}`,
			i+1, 1_000_000+10*i)
	}
	b.WriteString(`]}]}`)
	name := filepath.Join(t.TempDir(), "many.json")
	if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSignalEndsBlockedWrite(t *testing.T) {
	many := manySpans(t)
	for name, fifo := range map[string]bool{"to standard output": false, "to a named pipe": true} {
		t.Run(name, func(t *testing.T) {
			var stderr strings.Builder
			args := []string{"report", "--format", "perfetto", many}
			r, w := pipe(t)
			if fifo {
				path := filepath.Join(t.TempDir(), "fifo")
				err := syscall.Mkfifo(path, 0o666)
				if err == nil {
					r, err = os.OpenFile(path, os.O_RDWR, 0) // read-write opens without waiting
				}
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				args = append(args, "-o", path)
			}
			p := startProcess(t, nil, w, &stderr, args...)
			if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			p.Process.Signal(syscall.SIGINT)
			status := p.end(t)
			if status.ExitStatus() != exitInterrupted || stderr.String() != "gaptrace: interrupted\n" {
				t.Errorf("exit code %d, signal %v, stderr %q", status.ExitStatus(), status.Signal(), stderr.String())
			}
		})
	}
}

func TestInterruptWhileOpeningPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, func() {}, []string{"report", "-o", path, shopTraces}, nil, io.Discard, io.Discard)
	}()
	interrupt()
	select {
	case code := <-code:
		if code != exitInterrupted {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(bound):
		t.Error("it still waits for a reader")
	}
	if r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		defer r.Close() // lets the goroutine that still opens it go on
	}
}

// withHangup lets SIGHUP have its effect on the processes that a test starts, even if the tests run
// under nohup: a process inherits that a signal is ignored, but not that it is caught.
func withHangup(t *testing.T) {
	t.Helper()
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
}

func TestSignalWhileReadingExecutionTrace(t *testing.T) {
	withHangup(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			dir := t.TempDir()
			stdin, w := pipe(t)
			var stderr strings.Builder
			p := startProcess(t, stdin, io.Discard, &stderr, "explain", "-o", filepath.Join(dir, "out.html"), "-")
			if _, err := io.WriteString(w, "go 1.26 trace\x00\x00\x00"); err != nil { // more never comes
				t.Fatal(err)
			}
			eventually(t, "there is a temporary file", func() bool { return len(tempFiles(dir)) == 1 })
			p.Process.Signal(sig)
			status := p.end(t)
			if status.ExitStatus() != exitInterrupted || stderr.String() != "gaptrace: interrupted\n" {
				t.Errorf("exit code %d, signal %v, stderr %q", status.ExitStatus(), status.Signal(), stderr.String())
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestNohup(t *testing.T) {
	dir := t.TempDir()
	stdin, w := pipe(t)
	cmd := exec.Command("sh", "-c", `trap "" HUP; exec gaptrace report -o "$0" -`, filepath.Join(dir, "out.html"))
	p := start(t, cmd, stdin, io.Discard, io.Discard)
	eventually(t, "there is a temporary file", func() bool { return len(tempFiles(dir)) == 1 })
	p.Process.Signal(syscall.SIGHUP)
	shop, err := os.ReadFile(shopTraces)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(shop)
	w.Close()
	if status := p.end(t); status.ExitStatus() != 0 {
		t.Errorf("exit code %d, signal %v", status.ExitStatus(), status.Signal())
	}
}

// The go command waits for its tool, and so needs a second signal. Neither may leave a file.
func TestSignalsWhileWeaving(t *testing.T) {
	withHangup(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			dir, temp := t.TempDir(), t.TempDir()
			for name, text := range map[string]string{
				"go.mod":  "module example.com/hangs\n\ngo 1.26.0\n",
				"main.go": "package main\n\nimport _ \"net/http\"\n\nfunc main() {}\n",
				"tool":    "#!/bin/sh\n>\"$0.started\"\nwhile [ -e \"$0.started\" ]; do sleep 0.1; done\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			started := filepath.Join(dir, "tool.started")
			t.Cleanup(func() { os.Remove(started) })
			for _, name := range []string{"GOTMPDIR", "GOWORK", "GOFLAGS"} {
				t.Setenv(name, "")
			}
			t.Setenv("TMPDIR", temp)
			t.Setenv("GOPROXY", "off")
			t.Chdir(dir)
			p := startProcess(t, nil, nil, nil, "build", "-toolexec", filepath.Join(dir, "tool"), ".")
			eventually(t, "the tool hangs", func() bool {
				_, err := os.Stat(started)
				return err == nil || len(p.ended) > 0
			})
			eventually(t, "signals end it", func() bool {
				p.Process.Signal(sig)
				return len(p.ended) > 0
			})
			// A signal that comes after the files are removed kills the process.
			if status := p.end(t); status.ExitStatus() != exitInterrupted && status.Signal() != sig {
				t.Errorf("exit code %d, signal %v", status.ExitStatus(), status.Signal())
			}
			if left, _ := os.ReadDir(temp); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestSecondSignalEndsHangingProcess(t *testing.T) {
	dir := t.TempDir()
	unread, stderr := pipe(t)
	defer unread.Close()
	fill(t, stderr) // so that printing "interrupted" blocks
	stdin, _ := pipe(t)
	p := startProcess(t, stdin, io.Discard, stderr, "report", "-o", filepath.Join(dir, "out.html"), "-")
	eventually(t, "there is a temporary file", func() bool { return len(tempFiles(dir)) == 1 })
	p.Process.Signal(syscall.SIGTERM)
	eventually(t, "the temporary file is removed", func() bool { return len(tempFiles(dir)) == 0 })
	select {
	case err := <-p.ended:
		t.Fatalf("the first signal ended it before it printed anything: %v", err)
	default:
	}
	eventually(t, "another signal ends it", func() bool { // signals during the cleanup are ignored
		p.Process.Signal(syscall.SIGTERM)
		return len(p.ended) > 0
	})
	if status := p.end(t); status.Signal() != syscall.SIGTERM {
		t.Errorf("exit code %d, signal %v", status.ExitStatus(), status.Signal())
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// fill writes to a pipe until it is full.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	for size := 64 << 10; size > 0; size /= 2 { // a small write is all or nothing
		for {
			w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := w.Write(make([]byte, size)); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal(err)
				}
				break
			}
		}
	}
	w.SetWriteDeadline(time.Time{})
}

func TestTwoSignalsLeaveNoFile(t *testing.T) {
	for range 10 {
		dir := t.TempDir()
		stdin, _ := pipe(t)
		p := startProcess(t, stdin, io.Discard, io.Discard, "report", "-o", filepath.Join(dir, "out.html"), "-")
		eventually(t, "there is a temporary file", func() bool { return len(tempFiles(dir)) == 1 })
		p.Process.Signal(syscall.SIGINT)
		p.Process.Signal(syscall.SIGTERM)
		p.end(t)
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Fatalf("left: %v", left)
		}
	}
}

func TestClosedPipePrintsNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close() // as head does
	var stderr strings.Builder
	command := exec.Command("gaptrace", "report", "testdata/traces/shop.json")
	command.Stdout, command.Stderr = w, &stderr
	err = command.Run()
	w.Close()
	if err == nil || stderr.String() != "" {
		t.Errorf("%v, %q", err, stderr.String())
	}
}
