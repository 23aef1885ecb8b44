package debug

import (
	"fmt"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/uncovered"
)

// Variables for tests.
var (
	unwrapped = uncovered.Unwrapped
	noParent  = uncovered.NoParent
)

// maxSites is how many places are named from which calls without a parent came.
const maxSites = 3

// uncoveredCalls says which calls of this process no span covers. docs/debug.md has an example.
func uncoveredCalls() (all []string) {
	for _, l := range unwrapped() {
		all = append(all, fmt.Sprintf("No client of %s was wrapped (%s): %s",
			l.Name, printable.Name(strings.TrimSpace(l.Module+" "+l.Version)), l.Advice()))
	}
	for _, c := range noParent() {
		var sites []string
		for _, s := range c.Sites[:min(len(c.Sites), maxSites)] {
			at := gap.Frame{Function: s.Function, File: s.File, Line: s.Line}.String()
			function := s.Function[strings.LastIndexByte(s.Function, '/')+1:]
			sites = append(sites, printable.Name(at)+" ("+printable.Name(function)+")")
		}
		text := fmt.Sprintf("%d %s of %s had no parent span",
			c.Count, printable.Plural(int(c.Count), "call"), printable.Name(c.Component))
		switch {
		case len(sites) == 0:
		case c.Count > 1:
			text += ", some at " + strings.Join(sites, ", ")
		default:
			text += ", at " + strings.Join(sites, ", ")
		}
		all = append(all, text)
	}
	return all
}
