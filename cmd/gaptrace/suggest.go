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
	if best != "" {
		return "; did you mean " + strconv.Quote(best) + "?"
	}
	return servicesAre(names)
}

// servicesAre returns the end of an error message: the names of services, the first 20 of them. It
// returns "" if there are none.
func servicesAre(names []string) string {
	if len(names) == 0 {
		return ""
	}
	const limit = 20
	quoted := make([]string, min(len(names), limit))
	for i := range quoted {
		quoted[i] = strconv.Quote(names[i])
	}
	list := "; services are: " + strings.Join(quoted, ", ")
	if more := len(names) - limit; more > 0 {
		list += " and " + strconv.Itoa(more) + " more"
	}
	return list
}
