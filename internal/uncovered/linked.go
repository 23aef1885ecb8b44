package uncovered

import (
	"runtime/debug"
	"slices"
	"sync"

	"github.com/gaptrace/gaptrace/internal/clients"
)

// Linked is a client library that the program links.
type Linked struct {
	*clients.Library
	Module, Version string
}

// linked returns the client libraries that are linked, one for each module. It returns none for a
// binary that was built without modules.
var linked = sync.OnceValue(func() []Linked {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	return linkedIn(info)
})

func linkedIn(info *debug.BuildInfo) (all []Linked) {
	for _, module := range info.Deps {
		if libraries := clients.ByModule(module.Path); len(libraries) > 0 {
			all = append(all, Linked{libraries[0], module.Path, module.Version})
		}
	}
	return all
}

// Unwrapped returns the linked client libraries of which no client was wrapped so far, ordered by
// module. It leaves out a module that may be linked for other reasons. It also leaves out one that
// may send its calls through a wrapped client of another component.
func Unwrapped() []Linked { return unwrapped(linked()) }

func unwrapped(all []Linked) (left []Linked) {
	made := map[string]*Component{}
	for _, c := range known() {
		made[c.name] = c
	}
	for _, l := range all {
		covered := slices.ContainsFunc(clients.ByModule(l.Module), func(l *clients.Library) bool {
			own, via := made[l.Component], made[l.Via]
			return l.Incidental || own != nil && (own.clients.Load() || own.servers.Load()) || via != nil && via.clients.Load()
		})
		if !covered {
			left = append(left, l)
		}
	}
	return left
}

// Advice says what to do about the library: "wrap its clients with
// github.com/gaptrace/gaptrace/contrib/redis".
func (l Linked) Advice() string {
	if l.Wrapper != "" {
		return "wrap its clients with " + l.Wrapper
	}
	return l.Library.Advice
}
