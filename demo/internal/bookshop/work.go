package bookshop

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
)

// seal signs text with the shared key of the shop and its supplier. Each round costs two SHA-256
// blocks.
func seal(text string, rounds int) string {
	sum, err := pbkdf2.Key(sha256.New, "between us", []byte(text), rounds, sha256.Size)
	if err != nil {
		panic(err) // only for invalid lengths
	}
	return hex.EncodeToString(sum)
}

// editDistance returns how many bytes to insert, remove or replace to make a into b (Levenshtein).
// scratch needs a length of len(b)+1.
func editDistance(a, b []byte, scratch []int) int {
	for j := range scratch {
		scratch[j] = j
	}
	for i := range a {
		corner := scratch[0]
		scratch[0] = i + 1
		for j := range b {
			cost := corner
			if a[i] != b[j] {
				cost = min(corner, scratch[j], scratch[j+1]) + 1
			}
			corner = scratch[j+1]
			scratch[j+1] = cost
		}
	}
	return scratch[len(b)]
}
