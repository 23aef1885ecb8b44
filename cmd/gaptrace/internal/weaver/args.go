package weaver

import (
	"slices"
	"strings"
)

// goArgs are the arguments of go build, run, test or install.
type goArgs struct {
	dir      string   // of -C; "" if not given
	flags    []string // without -C, -tags and -overlay
	packages []string // patterns, or files
	rest     []string // for the program that go run starts, or for the test binary

	tags, overlay, mod, modfile string   // the values of these flags
	trimpath, cover, coverAll   bool     // -trimpath, a flag for coverage, and -coverpkg are given
	list                        []string // the flags that go list needs to list the same packages
}

// parseGoArgs parses the arguments after the verb as the go command does:
//
//	build, install  [flags] [packages]
//	run             [flags] package|files.go [arguments of the program]
//	test            [flags] [packages] [flags] [arguments of the test binary]
func parseGoArgs(verb string, args []string) *goArgs {
	a := new(goArgs)
	for len(args) > 0 {
		name, value, hasValue := cutFlag(args[0])
		switch {
		case verb == "test" && name == "args", name == "" && len(a.packages) > 0:
			a.rest = args
			return a
		case name == "":
			n := packageCount(verb, args)
			a.packages, args = args[:n], args[n:]
			if verb == "run" {
				a.rest = args
				return a
			}
			continue
		}
		n := 1
		if !hasValue && slices.Contains(valueFlags, name) && len(args) > 1 {
			value, n = args[1], 2
		}
		a.set(name, value, args[:n])
		args = args[n:]
	}
	return a
}

// cutFlag splits "-name=value" or "--name". The name is "" if arg is no flag.
func cutFlag(arg string) (name, value string, hasValue bool) {
	name, isFlag := strings.CutPrefix(arg, "-")
	if !isFlag || name == "" {
		return "", "", false
	}
	return strings.Cut(strings.TrimPrefix(name, "-"), "=")
}

// packageCount returns how many of args name packages or files, from the first one on.
func packageCount(verb string, args []string) int {
	if verb == "run" && !strings.HasSuffix(args[0], ".go") {
		return 1
	}
	end := slices.IndexFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "-") || verb == "run" && !strings.HasSuffix(arg, ".go")
	})
	if end < 0 {
		return len(args)
	}
	return end
}

// valueFlags are the flags of go build and go test whose value may be the next argument.
var valueFlags = strings.Fields(`C p asmflags buildmode compiler gccgoflags gcflags installsuffix ldflags
	mod modfile o overlay pgo pkgdir tags toolexec covermode coverpkg exec
	bench benchtime blockprofile blockprofilerate count coverprofile cpu cpuprofile fuzz fuzzminimizetime
	fuzztime list memprofile memprofilerate mutexprofile mutexprofilefraction outputdir parallel run shuffle
	skip timeout trace vet`)

// listFlags are the flags that change which packages and files are built.
var listFlags = strings.Fields("mod modfile race msan asan compiler")

// set records a flag. args are all its arguments: one, or two if the value is separate.
func (a *goArgs) set(name, value string, args []string) {
	switch name {
	case "C":
		a.dir = value
		return
	case "tags":
		a.tags = value
		return
	case "overlay":
		a.overlay = value
		return
	case "mod":
		a.mod = value
	case "modfile":
		a.modfile = value
	case "trimpath":
		a.trimpath = value != "false"
	case "cover", "coverpkg", "coverprofile", "covermode":
		a.cover = value != "false"
		a.coverAll = a.coverAll || name == "coverpkg"
	}
	a.flags = append(a.flags, args...)
	if slices.Contains(listFlags, name) {
		a.list = append(a.list, args...)
	}
}

// addDefaults applies GOFLAGS, whose flags contain no spaces. Flags in the arguments win.
func (a *goArgs) addDefaults(goflags string) {
	given := parseGoArgs("build", slices.Concat(strings.Fields(goflags), a.flags))
	if a.tags == "" {
		a.tags = given.tags
	}
	if a.overlay == "" {
		a.overlay = given.overlay
	}
	a.modfile, a.trimpath, a.cover, a.coverAll = given.modfile, given.trimpath, given.cover, given.coverAll
}

// command returns the arguments for the go command, with an overlay, tags and more files.
func (a *goArgs) command(verb, overlay, tags string, extraFiles []string) []string {
	args := []string{verb}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	if tags != "" {
		args = append(args, "-tags="+tags)
	}
	return slices.Concat(args, a.flags, a.packages, extraFiles, a.rest)
}
