// Package cgo has a file that imports C.
package cgo

/*
static int answer(void) { return 42; }
*/
import "C"

import "github.com/go-redis/redis/v8"

func answer() int { return int(C.answer()) }

func inFileOfC() {
	redis.NewClient(nil) // want `GT103: redis.NewClient`
}
