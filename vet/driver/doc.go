// Package driver runs package vet on the packages of a program, and applies the fixes.
//
//	Load            packages, types and syntax
//	Program.Vet     what is found in them
//	Program.Fix     what to change, in memory
//	Fixes.Write     changes the files
//
// Load works in one process, because the go command's cache of vet results loses findings that
// depend on other packages. It needs no export data, so nothing is compiled:
//
//	main modules     files with comments, types, type information
//	dependencies     types that others need; the bodies of functions are skipped
//
// Fix repeats these steps, in memory, until no fix is left to apply:
//
//	findings -> choose fixes that do not overlap -> edit, remove unused imports, gofmt
//	   ^                                                                        |
//	   +---- type-check the changed packages and those that import them <------+
//
// A fix that causes a type error is refused.
package driver
