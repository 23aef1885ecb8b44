package spantest

import "github.com/gaptrace/gaptrace/internal/uncovered"

// NoParent returns how many of the component's calls during do were counted since they had no
// parent.
func NoParent(component string, do func()) int64 {
	count := func() int64 {
		for _, c := range uncovered.NoParent() {
			if c.Component == component {
				return c.Count
			}
		}
		return 0
	}
	before := count()
	do()
	return count() - before
}
