package spantest

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Secret is the placeholder for a credential in the statements of docs/secrets.md.
const Secret = "{secret}"

// SecretsDoc returns the text of docs/secrets.md.
func SecretsDoc(tb testing.TB) string {
	tb.Helper()
	_, file, _, _ := runtime.Caller(0)
	doc, err := os.ReadFile(filepath.Join(filepath.Dir(file), "../../docs/secrets.md"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(doc)
}

// CredentialStatements returns the statements of docs/secrets.md that take credentials.
func CredentialStatements(tb testing.TB) (statements []string) {
	tb.Helper()
	sql := false
	for line := range strings.Lines(SecretsDoc(tb)) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case line == "```sql":
			sql = true
		case line == "```":
			sql = false
		case sql && !strings.Contains(line, Secret):
			tb.Errorf("docs/secrets.md: %s has no %s", line, Secret)
		case sql:
			statements = append(statements, line)
		}
	}
	if len(statements) < 100 {
		tb.Fatalf("docs/secrets.md has %d statements", len(statements))
	}
	return statements
}
