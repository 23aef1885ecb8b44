// Package jsonscan reads JSON in one pass. It keeps only a buffer and the current string in memory,
// and says where malformed input goes wrong and what was expected there.
//
// It accepts what encoding/json accepts; FuzzScanner compares the two. To skip 42 MB of Jaeger's
// JSON it takes 96 ms of CPU, and jsontext of go-json-experiment v1.27.2 takes 87 ms. So speed is
// no reason to change while jsontext is experimental. The Decoder of encoding/json takes 1.1 s to
// read the tokens.
package jsonscan
