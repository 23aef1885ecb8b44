package report

import (
	"fmt"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
)

// caveats counts what makes the figures of traces less certain. Every format has these counts.
type caveats struct {
	seenAgain  int // traces that are later parts of traces that were added before
	incomplete int // traces that lack spans
	moved      int // spans that were moved to correct a clock
}

func (c *caveats) add(t *gap.Trace) {
	if t.Incomplete() {
		c.incomplete++
	}
	for n := range t.Nodes() {
		if n.Moved() != 0 {
			c.moved++
		}
	}
}

// lines formats each count that is not zero: "traces seen again: 3".
func (c *caveats) lines() (lines []string) {
	for _, count := range []struct {
		of string
		n  int
	}{{"traces seen again", c.seenAgain}, {"traces that lack spans", c.incomplete}, {"spans moved", c.moved}} {
		if count.n > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d", count.of, count.n))
		}
	}
	return lines
}

// ofTraces formats what follows the number of traces: " (1 seen again, 2 with spans missing)", or
// "".
func (c *caveats) ofTraces() string {
	var words []string
	if c.seenAgain > 0 {
		words = append(words, fmt.Sprintf("%d seen again", c.seenAgain))
	}
	if c.incomplete > 0 {
		words = append(words, fmt.Sprintf("%d with spans missing", c.incomplete))
	}
	if words == nil {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// ofSpans formats what follows the number of spans: " (3 moved)", or "".
func (c *caveats) ofSpans() string {
	if c.moved == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d moved)", c.moved)
}
