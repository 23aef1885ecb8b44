package redis_test

import (
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact/redis"
)

// FuzzCommand puts a secret into arguments that are not keys, and where an error quotes it.
func FuzzCommand(f *testing.F) {
	f.Add("a", "b")
	f.Add("store", "streams")
	f.Fuzz(func(t *testing.T, before, after string) {
		const planted = "PLANTED"
		if strings.Contains(before+after, planted) {
			return
		}
		for _, args := range [][]any{
			{"auth", planted},
			{"AUTH", before, planted},
			{"hello", "3", "auth", before, planted},
			{"set", before, planted, after},
			{"mset", before, planted, after, planted},
			{"config", "set", before, planted},
			{"acl", "setuser", before, planted, after},
			{"eval", before, "1", after, planted},
			{"migrate", before, after, "0", "auth", planted},
			{planted + " " + before, after},
		} {
			c := redis.Lookup(args)
			if got := c.Operation + string(c.AppendTo(nil, args)); strings.Contains(got, planted) {
				t.Errorf("%q is recorded as %q", args, got)
			}
		}
		for _, codeOnly := range []bool{true, false} {
			message := "ERR " + strings.ReplaceAll(before, "'", "") + " '" + planted + "' " + after
			if got := redis.ServerError(message, codeOnly); strings.Contains(got, planted) {
				t.Errorf("%q is recorded as %q", message, got)
			}
		}
	})
}
