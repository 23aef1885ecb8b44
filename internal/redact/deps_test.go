package redact_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A program that wraps only HTTP clients must not link a SQL lexer.
func TestOnlySQLWrappersLinkALexer(t *testing.T) {
	const module, lexer = "github.com/gaptrace/gaptrace/", "github.com/DataDog/go-sqllexer"
	for pkg, want := range map[string]bool{
		"contrib/nethttp": false, "contrib/grpc": false, "tracer": false, "contrib/sql": true,
	} {
		out, err := exec.Command("go", "list", "-deps", module+pkg).Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", pkg, err)
		}
		if got := strings.Contains(string(out), lexer+"\n"); got != want {
			t.Errorf("%s imports %s: %v, want %v", pkg, lexer, got, want)
		}
	}
}
