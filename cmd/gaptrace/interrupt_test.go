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
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bound is more than anything takes here: it is for what hangs.
const bound = time.Minute

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > bound {
			t.Fatalf("not within %v: %s", bound, what)
		}
	}
}

// begun lists the files that are going to be reports.
func begun(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, ".gaptrace-*"))
	return files
}

// process is the program, of its own, as signals need it.
type process struct {
	*exec.Cmd
	ended chan error
}

func begin(t *testing.T, stdin io.Reader, stdout, stderr io.Writer, args ...string) *process {
	t.Helper()
	p := &process{exec.Command("gaptrace", args...), make(chan error, 1)}
	p.Stdin, p.Stdout, p.Stderr = stdin, stdout, stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// end waits for it.
func (p *process) end(t *testing.T) syscall.WaitStatus {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(bound):
		t.Fatal("it runs on")
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

// manySpans is a file whose report is more than a pipe holds.
func manySpans(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`{"data":[{"traceID":"1","processes":{"p":{"serviceName":"s"}},"spans":[`)
	for i := range 20_000 {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"traceID":"1","spanID":"%x","operationName":"o","startTime":%d,"duration":5,"processID":"p"}`, i+1, 1_000_000+10*i)
	}
	b.WriteString(`]}]}`)
	name := filepath.Join(t.TempDir(), "many.json")
	if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestASignalEndsAWriteThatBlocks(t *testing.T) {
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
					r, err = os.OpenFile(path, os.O_RDWR, 0) // which waits for nobody
				}
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				args = append(args, "-o", path)
			}
			p := begin(t, nil, w, &stderr, args...)
			if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			p.Process.Signal(syscall.SIGINT)
			if status := p.end(t); status.ExitStatus() != exitInterrupted || stderr.String() != "gaptrace: interrupted\n" {
				t.Errorf("exit code %d, signal %v, stderr %q", status.ExitStatus(), status.Signal(), stderr.String())
			}
		})
	}
}

func TestNobodyWaitsForWhoReadsAPipeAfterAnInterrupt(t *testing.T) {
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
		t.Error("it waits")
	}
	if r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		defer r.Close() // who still opens it does so no more
	}
}

func TestASecondSignalDoesNotWaitAndLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	unread, stderr := pipe(t)
	defer unread.Close()
	fill(t, stderr) // so that to say that it was interrupted hangs
	stdin, _ := pipe(t)
	p := begin(t, stdin, io.Discard, stderr, "report", "-o", filepath.Join(dir, "out.html"), "-")
	eventually(t, "a file is begun", func() bool { return len(begun(dir)) == 1 })
	p.Process.Signal(syscall.SIGTERM)
	eventually(t, "the file is gone", func() bool { return len(begun(dir)) == 0 })
	select {
	case err := <-p.ended:
		t.Fatalf("ended by the first signal, with nobody told: %v", err)
	default:
	}
	eventually(t, "another signal ends it", func() bool { // one that comes before the program is done with the first does not count
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

// fill makes a pipe hold as much as it can.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	for size := 64 << 10; size > 0; size /= 2 { // a pipe takes what is small in one piece or not at all
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

func TestTwoSignalsAtOnceLeaveNoFile(t *testing.T) {
	for range 10 {
		dir := t.TempDir()
		stdin, _ := pipe(t)
		p := begin(t, stdin, io.Discard, io.Discard, "report", "-o", filepath.Join(dir, "out.html"), "-")
		eventually(t, "a file is begun", func() bool { return len(begun(dir)) == 1 })
		p.Process.Signal(syscall.SIGINT)
		p.Process.Signal(syscall.SIGTERM)
		p.end(t)
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Fatalf("left: %v", left)
		}
	}
}
