package spanutil

import (
	"slices"
	"sync"
)

// Unit is what a call's result is counted in.
type Unit uint8

// The units. Each names the tag that holds the count, except Uncounted, which has none. [UnitNamed]
// makes further units.
const (
	Uncounted Unit = iota
	Bytes
	Rows
	Messages

	builtin
)

// String returns the unit's tag.
func (u Unit) String() string {
	if u < builtin {
		return [...]string{"", "bytes", "rows", "messages"}[u]
	}
	further.mu.RLock()
	defer further.mu.RUnlock()
	return further.tags[u-builtin]
}

// further are the tags of the units that UnitNamed has made.
var further struct {
	mu   sync.RWMutex
	tags []string
}

// maxUnits is the number of units that fit into a Unit.
const maxUnits = 256

// UnitNamed returns the unit whose tag is tag. If the program uses more than maxUnits tags, the
// unit of a new one is Uncounted.
func UnitNamed(tag string) Unit {
	for u := range builtin {
		if u.String() == tag {
			return u
		}
	}
	further.mu.RLock()
	i := slices.Index(further.tags, tag)
	further.mu.RUnlock()
	if i >= 0 {
		return builtin + Unit(i)
	}
	further.mu.Lock()
	defer further.mu.Unlock()
	if i = slices.Index(further.tags, tag); i < 0 {
		if len(further.tags) == maxUnits-int(builtin) {
			return Uncounted
		}
		i = len(further.tags)
		further.tags = append(further.tags, tag)
	}
	return builtin + Unit(i)
}
