//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestWhoReadsNoMoreIsToldNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close() // as head does, at the latest when it ends
	var stderr strings.Builder
	command := exec.Command("gaptrace", "report", "testdata/traces/shop.json")
	command.Stdout, command.Stderr = w, &stderr
	err = command.Run()
	w.Close()
	if err == nil || stderr.String() != "" {
		t.Errorf("%v, %q", err, stderr.String())
	}
}
