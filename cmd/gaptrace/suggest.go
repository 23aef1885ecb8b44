package main

import (
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/internal/suggest"
)

// suggestService returns the end of the error message for an unknown service: the name that was
// probably meant, or all names.
func suggestService(unknown string, names []string) string {
	best := suggest.Closest(unknown, names, max(2, len(unknown)/3), strings.ToLower)
	switch {
	case best != "":
		return "; did you mean " + strconv.Quote(best) + "?"
	case len(names) == 0:
		return ""
	}
	return "; services are: " + quoteAll(names)
}

// quoteAll lists names in quotes, the first 20 of them.
func quoteAll(names []string) string {
	const limit = 20
	quoted := make([]string, min(len(names), limit))
	for i := range quoted {
		quoted[i] = strconv.Quote(names[i])
	}
	list := strings.Join(quoted, ", ")
	if more := len(names) - limit; more > 0 {
		list += " and " + strconv.Itoa(more) + " more"
	}
	return list
}
