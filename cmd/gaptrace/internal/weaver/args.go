package weaver

import (
	"slices"
	"strconv"
	"strings"
)

// goArgs are the arguments of go build, run, test or install.
type goArgs struct {
	dir           string   // of -C; "" if not given
	before, after []string // without -C, -tags and -overlay: up to the last package, and the rest
	packages      []string // patterns, or files; they are also in before
	flags         []string // of the go command; they are also in before or after

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
	if verb == "test" {
		a.parseTest(args)
		return a
	}
	for len(args) > 0 {
		flag, isFlag := cutFlag(args[0])
		if !isFlag {
			break
		}
		args = args[a.set(flag, args, &a.before):]
	}
	if len(args) > 0 && args[0] == "--" {
		a.before, args = append(a.before, "--"), args[1:]
	}
	n := len(args)
	if verb == "run" {
		n = packageCount(args)
	}
	a.packages, a.after = args[:n], args[n:]
	a.before = append(a.before, a.packages...)
	return a
}

// parseTest parses the arguments of go test. A flag that the go command does not know is for the
// test binary. It also ends the packages, since an argument after it may be its value.
func (a *goArgs) parseTest(args []string) {
	to := &a.before
	mayBeValue := false // of an unknown flag
	for len(args) > 0 {
		flag, isFlag := cutFlag(args[0])
		isKnown := isFlag && (slices.Contains(valueFlags, flag.name) || slices.Contains(boolFlags, flag.name))
		switch {
		case isKnown:
			args = args[a.set(flag, args, to):]
			mayBeValue = false
			continue
		case args[0] == "--", flag.name == "args", !isFlag && to == &a.after && !mayBeValue:
			*to = append(*to, args...)
			return
		case !isFlag && to == &a.before:
			n := slices.IndexFunc(args, func(arg string) bool { return arg == "--" || isFlagArg(arg) })
			if n < 0 {
				n = len(args)
			}
			a.packages = args[:n]
			a.before = append(a.before, a.packages...)
			to, args = &a.after, args[n:]
			continue
		}
		to = &a.after
		mayBeValue = isFlag && !flag.hasValue
		*to = append(*to, args[0])
		args = args[1:]
	}
}

// goFlag is a flag of the go command. Its name is without "test.", which go test allows before the
// name of a flag of the test binary.
type goFlag struct {
	name, value string
	hasValue    bool
}

// cutFlag splits "-name=value" or "--name". ok is false if arg is no flag.
func cutFlag(arg string) (flag goFlag, ok bool) {
	if !isFlagArg(arg) {
		return goFlag{}, false
	}
	name, value, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	return goFlag{strings.TrimPrefix(name, "test."), value, hasValue}, true
}

// isFlagArg reports whether arg is a flag.
func isFlagArg(arg string) bool {
	rest, ok := strings.CutPrefix(arg, "-")
	rest = strings.TrimPrefix(rest, "-")
	return ok && rest != "" && rest[0] != '-' && rest[0] != '='
}

// packageCount returns how many of the arguments after the flags of go run name a package or files.
func packageCount(args []string) int {
	n := slices.IndexFunc(args, func(arg string) bool { return !strings.HasSuffix(arg, ".go") })
	switch {
	case n < 0:
		return len(args)
	case n == 0:
		return 1
	}
	return n
}

// valueFlags are the flags of go build and go test whose value may be the next argument.
var valueFlags = strings.Fields(`C p asmflags buildmode compiler gccgoflags gcflags installsuffix ldflags
	mod modfile o overlay pgo pkgdir tags toolexec covermode coverpkg exec
	bench benchtime blockprofile blockprofilerate count coverprofile cpu cpuprofile fuzz fuzzminimizetime
	fuzztime list memprofile memprofilerate mutexprofile mutexprofilefraction outputdir parallel run shuffle
	skip timeout trace vet debug-actiongraph debug-runtime-trace debug-trace`)

// boolFlags are the other flags of go test.
var boolFlags = strings.Fields(`a n race msan asan cover v work x json buildvcs linkshared modcacherw trimpath
	artifacts benchmem c failfast fullpath short`)

// listFlags are the flags that change which packages and files are built.
var listFlags = strings.Fields("mod modfile race msan asan compiler")

// set records the flag at the beginning of args, and adds it to other arguments. It returns how
// many arguments the flag has: one, or two if its value is separate.
func (a *goArgs) set(flag goFlag, args []string, to *[]string) (n int) {
	n = 1
	if !flag.hasValue && slices.Contains(valueFlags, flag.name) && len(args) > 1 {
		flag.value, n = args[1], 2
	}
	switch flag.name {
	case "C":
		a.dir = flag.value
		return n
	case "tags":
		a.tags = flag.value
		return n
	case "overlay":
		a.overlay = flag.value
		return n
	case "mod":
		a.mod = flag.value
	case "modfile":
		a.modfile = flag.value
	case "trimpath":
		a.trimpath = flag.isTrue()
	case "cover", "coverpkg", "coverprofile", "covermode":
		a.cover = flag.isTrue()
		a.coverAll = a.coverAll || flag.name == "coverpkg"
	}
	*to = append(*to, args[:n]...)
	a.flags = append(a.flags, args[:n]...)
	if slices.Contains(listFlags, flag.name) {
		a.list = append(a.list, args[:n]...)
	}
	return n
}

// isTrue reports whether the flag is on: any value except false, 0 and their other spellings.
func (f goFlag) isTrue() bool {
	yes, err := strconv.ParseBool(f.value)
	return yes || err != nil
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
	return slices.Concat(args, a.before, extraFiles, a.after)
}
