package spantest

import (
	"testing"
	"time"
)

// Eventually waits until ok returns true, for at most two minutes. Then it fails the test.
func Eventually(t testing.TB, problem string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(problem)
		}
	}
}
