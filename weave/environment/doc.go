// Package environment gives a program that gaptrace run or test starts the environment that the go
// command would give it. It removes the variables that gaptrace sets for the go command, and
// restores the user's values.
package environment
