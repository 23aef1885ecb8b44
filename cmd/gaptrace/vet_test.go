package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unwrappedModule writes a module with a client that is not wrapped, and changes to its folder.
func unwrappedModule(t *testing.T) (file string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "app.go")
	for name, text := range map[string]string{
		filepath.Join(dir, "go.mod"): "module example.com/app\n\ngo 1.26\n",
		file:                         unwrapped,
	} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "")
	return file
}

const unwrapped = "package app\n\nimport \"net/http\"\n\nvar Response, Err = new(http.Client).Do(nil)\n"

func TestInterruptedFixWritesNothing(t *testing.T) {
	file := unwrappedModule(t)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	for _, command := range []string{"vet", "fix"} {
		var stdout, stderr strings.Builder
		code := run(ctx, func() {}, []string{command}, nil, &stdout, &stderr)
		if code != exitInterrupted || stdout.String() != "" || stderr.String() != "gaptrace: interrupted\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", command, code, stdout.String(), stderr.String())
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != unwrapped {
		t.Errorf("%v, file:\n%s", err, text)
	}
	if left, _ := filepath.Glob(".gaptrace-*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// failingWriter is a full disk.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestVetOutputFails(t *testing.T) {
	unwrappedModule(t)
	for _, args := range [][]string{{"vet"}, {"vet", "--json"}, {"fix", "--diff"}} {
		var stderr strings.Builder
		code := run(t.Context(), func() {}, args, nil, failingWriter{}, &stderr)
		if code != exitTrouble || !strings.HasPrefix(stderr.String(), "gaptrace: ") {
			t.Errorf("%v: exit code %d, stderr %q", args, code, stderr.String())
		}
	}
}

func TestRequiredGaptraceOfDevelopmentBuild(t *testing.T) {
	if v := requiredGaptrace(); v != "" {
		t.Errorf("version %q", v)
	}
}
