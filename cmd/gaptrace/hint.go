package main

import (
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/internal/nearest"
)

// hint says which of the names might have been meant, or which there are.
func hint(wanted string, names []string) string {
	best, least := "", max(2, len(wanted)/3)+1
	for _, name := range names {
		if d := nearest.Distance(strings.ToLower(wanted), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	switch {
	case best != "":
		return "; did you mean " + strconv.Quote(best) + "?"
	case len(names) == 0:
		return ""
	}
	return "; there are " + list(names)
}

// list is some names, quoted.
func list(names []string) string {
	const most = 20
	var b strings.Builder
	for i, name := range names {
		if i == most {
			b.WriteString(" and " + strconv.Itoa(len(names)-most) + " more")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(name))
	}
	return b.String()
}
