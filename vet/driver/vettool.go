package driver

import (
	"strings"

	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/gaptrace/gaptrace/vet"
)

// IsVetTool reports whether the go command runs the program as a tool for one package, as go vet
// -vettool and go fix -fixtool do.
func IsVetTool(args []string) bool {
	if len(args) == 0 {
		return false
	}
	for _, arg := range args[:len(args)-1] {
		if !strings.HasPrefix(arg, "-") {
			return false
		}
	}
	last := args[len(args)-1]
	return strings.HasSuffix(last, ".cfg") || len(args) == 1 && (last == "-V=full" || last == "-flags")
}

// VetTool answers the go command with the process's arguments. It does not return.
func VetTool() { unitchecker.Main(vet.Analyzer) }
