// Package jsonscan reads JSON in one pass. It keeps only a buffer and the current string in memory, and
// tells where malformed input goes wrong.
//
// It accepts what encoding/json accepts; FuzzScanner compares the two. TODO-MEASURED
package jsonscan
