// Package clients lists the client libraries that wait for the network. It says which wrapper
// covers each of them, and what to do about those without one. Package explain, the tracer and
// `gaptrace vet` read it.
package clients

import (
	"slices"
	"strings"
	"sync"
)

// Library is a client library that waits for the network.
type Library struct {
	Path      string // import path, with its major version; the packages below it belong to it
	Module    string // path of its module in build information; "" if it is Path, or for the standard library
	Name      string // for messages: "go-redis v8", "pgx"
	Component string // component tag of its wrapper: "go-redis"; "" if it has none
	Wrapper   string // import path of the package that wraps it; "" if none does
	Via       string // Component of the wrapper that covers it if Advice is followed; "" if none does
	Rule      string // of gaptrace vet: "GT103"; NoWrapper if it has no wrapper and no other rule finds it
	Advice    string // what to do if it has no wrapper: "start a span around each call"; "" if it has one

	// Incidental is set if a program may link its module without using its client: the module also
	// has servers, or other modules need it for other reasons.
	Incidental bool

	// Functions are prefixes of the functions that mark a stack as inside the library, named as in
	// stacks. They may belong to other modules. nil means all functions of Path and of the packages
	// below it.
	Functions []string
}

// NoWrapper is the rule of gaptrace vet for libraries without a wrapper.
const NoWrapper = "GT401"

// module returns the path of l's module.
func (l *Library) module() string {
	if l.Module != "" {
		return l.Module
	}
	return l.Path
}

// ByPath returns the library to which a package belongs, or nil. A package of the standard library
// belongs to one only if [Libraries] lists the package itself.
func ByPath(importPath string) *Library {
	for p := importPath; ; {
		i, found := slices.BinarySearchFunc(Libraries, p, func(l Library, p string) int { return strings.Compare(l.Path, p) })
		if found {
			return &Libraries[i]
		}
		slash := strings.LastIndexByte(p, '/')
		if slash < 0 || IsStandard(p) {
			return nil
		}
		p = p[:slash]
	}
}

// ByModule returns the libraries of a module, in the order of [Libraries].
func ByModule(path string) (found []*Library) {
	for i := range Libraries {
		if l := &Libraries[i]; l.module() == path {
			found = append(found, l)
		}
	}
	return found
}

// ByFunction returns the library that a function belongs to, or nil. The function is named as in a
// stack, such as "github.com/nats-io/nats%2ego.(*Conn).Publish".
func ByFunction(function string) *Library {
	all := prefixes()
	i, found := slices.BinarySearchFunc(all, function, func(p prefix, f string) int { return strings.Compare(p.text, f) })
	if !found {
		i-- // every prefix of function sorts before it
	}
	for ; i >= 0; i = all[i].shorter {
		if strings.HasPrefix(function, all[i].text) {
			return all[i].library
		}
	}
	return nil
}

// prefix is a prefix of the names of a library's functions.
type prefix struct {
	text    string
	library *Library
	shorter int // index of the longest other prefix that this one begins with, or -1
}

// prefixes returns the prefixes of all functions, sorted. If p is a prefix of a name, all prefixes
// that sort between p and the name begin with p. So the last one before the name leads to p.
var prefixes = sync.OnceValue(func() (all []prefix) {
	for i := range Libraries {
		l := &Libraries[i]
		functions := l.Functions
		if functions == nil {
			functions = []string{symbol(l.Path) + ".", l.Path + "/"}
		}
		for _, f := range functions {
			all = append(all, prefix{f, l, -1})
		}
	}
	slices.SortFunc(all, func(a, b prefix) int { return strings.Compare(a.text, b.text) })
	for i := range all {
		for s := i - 1; s >= 0; s = all[s].shorter {
			if strings.HasPrefix(all[i].text, all[s].text) {
				all[i].shorter = s
				break
			}
		}
	}
	return all
})

// symbol returns an import path as it is written in the names of functions: the linker escapes the
// dots of the last element.
func symbol(importPath string) string {
	slash := strings.LastIndexByte(importPath, '/') + 1
	return importPath[:slash] + strings.ReplaceAll(importPath[slash:], ".", "%2e")
}

// PackageOf returns the import path of a function's package, as stacks name it.
func PackageOf(function string) string {
	slash := strings.LastIndexByte(function, '/')
	if dot := strings.IndexByte(function[slash+1:], '.'); dot >= 0 {
		return function[:slash+1+dot]
	}
	return function
}

// IsStandard reports whether a package is one of the standard library, or below golang.org/x/sync,
// which extends it.
func IsStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	_, found := slices.BinarySearch(standard, first)
	return found || strings.HasPrefix(importPath, "golang.org/x/sync/")
}

// standard lists the first elements of the import paths of the standard library. To look for a dot
// is not enough, since a module's path may lack one, too.
var standard = []string{
	"archive", "arena", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug",
	"embed", "encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io",
	"iter", "log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime", "simd",
	"slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time", "unicode",
	"unique", "unsafe", "vendor", "weak",
}

// Gaptrace is the path of this module.
const Gaptrace = "github.com/gaptrace/gaptrace"

// IsGaptrace reports whether a package records spans. In stacks, its functions are between the
// program and a library.
func IsGaptrace(importPath string) bool {
	rest, ok := strings.CutPrefix(importPath, Gaptrace)
	return ok && (rest == "" || strings.HasPrefix(rest, "/contrib/") || strings.HasPrefix(rest, "/internal/spanutil") ||
		strings.HasPrefix(rest, "/internal/uncovered") || strings.HasPrefix(rest, "/tracer"))
}
