package debug_test

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap/debug"
)

func TestSaveSlowToFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("skipped: a small disk needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	large := filepath.Join(dir, "other")
	if err := os.WriteFile(large, make([]byte, 56<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 20_000) // no compression makes it shorter
	rand.Read(random)
	flight := &fakeFlight{write: func(w io.Writer) (n int64, err error) {
		for part := random; len(part) > 0 && err == nil; part = part[100:] {
			var written int
			written, err = w.Write(part[:100])
			n += int64(written)
		}
		return n, err
	}}
	saving(t, flight, debug.SaveOptions{Dir: dir, Duration: 1}, func(t *testing.T, r *fakeRequests, s *debug.Saver) {
		r.ends(1, time.Second)
		saved()
		if got := s.Stats(); got.Failed != 1 || !errors.Is(got.Err, syscall.ENOSPC) || len(files(t, dir)) != 1 {
			t.Errorf("%+v, files %q", got, files(t, dir))
		}
		if err := os.Remove(large); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r.ends(2, time.Second)
		saved()
		if got := s.Stats(); got.Saved != 1 || len(files(t, dir)) != 1 {
			t.Errorf("after there is space: %+v, files %q", got, files(t, dir))
		}
	})
}
