package driver_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/vet"
)

func TestRulesInDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/vet.md")
	if err != nil {
		t.Skip("not in the repository")
	}
	var table strings.Builder
	for _, r := range vet.Rules {
		hint, fix := "", r.Fix
		if r.Info {
			hint = " (hint)"
		}
		if fix == "" {
			fix = "–"
		}
		fmt.Fprintf(&table, "| %s | %s%s | %s |\n", r.ID, r.Summary, hint, fix)
	}
	if !strings.Contains(string(text), "|---|---|---|\n"+table.String()+"\n") {
		t.Errorf("docs/vet.md does not have this table:\n%s", &table)
	}
}
