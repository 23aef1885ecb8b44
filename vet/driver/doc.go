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
//	dependencies     types, as far as others need them; the bodies of functions are skipped
//
// Fix repeats these steps until nothing is left to do. A step keeps everything in memory.
//
//	findings -> choose fixes that do not overlap -> edit, remove unused imports, gofmt
//	   ^                                                                        |
//	   +---- type-check the changed packages and those that import them <------+
//
// A fix with a new type error is taken back.
package driver
