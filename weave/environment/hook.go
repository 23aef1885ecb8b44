//go:build gaptrace_woven

package environment

// This package must not import os. Of the packages whose imports are initialized, Go initializes
// the one with the first path. So this package comes before os, and before every package that
// imports os.
import "syscall"

// prefix is put before the name of each variable that gaptrace changes for the go command.
const prefix = "GAPTRACE_PROGRAMS_"

func init() {
	for _, name := range []string{"GOFLAGS", "GOROOT", "GOTMPDIR", "GOTOOLCHAIN", "GOWORK", "PATH"} {
		users, changed := syscall.Getenv(prefix + name)
		if !changed {
			continue
		}
		// An error is impossible: the names and values are from the environment.
		_ = syscall.Unsetenv(prefix + name)
		if users == "" {
			_ = syscall.Unsetenv(name)
		} else {
			_ = syscall.Setenv(name, users[len("="):])
		}
	}
}
