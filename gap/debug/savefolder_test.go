package debug_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap/debug"
)

func TestSaveSlowKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	kept := []string{
		"notes.txt", "gaps-1.zip", "gaps-20000101T000000Z-00000000000000ab.zip",
		"a-gaps-20000101T000000.000000000Z-00000000000000ab.zip", "gaps-1.zip.tmp",
	}
	for _, name := range kept {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := "gaps-19990101T000000.000000000Z-00000000000000ab.zip"
	if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
		t.Fatal(err)
	}
	saving(t, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1, MaxFiles: 3}, func(
		t *testing.T, r *fakeRequests, s *debug.Saver,
	) {
		for id := range uint64(7) {
			r.ends(id, time.Second)
			time.Sleep(time.Minute)
		}
		var got []string
		for _, name := range files(t, dir) {
			if !slices.Contains(kept, name) && name != folder {
				got = append(got, name)
			}
		}
		want := []string{
			"gaps-20000101T000400.000000000Z-0000000000000004.zip", "gaps-20000101T000500.000000000Z-0000000000000005.zip",
			"gaps-20000101T000600.000000000Z-0000000000000006.zip",
		}
		if !slices.Equal(got, want) || len(files(t, dir)) != 9 || s.Stats().Saved != 7 {
			t.Errorf("files %q, %+v", files(t, dir), s.Stats())
		}
	})
}

func TestSaveSlowMaxBytes(t *testing.T) {
	dir := t.TempDir()
	random := make([]byte, 10_000) // does not get shorter
	for i := range random {
		random[i] = byte(i * i * 7919 >> 5)
	}
	flight := &fakeFlight{write: func(w io.Writer) (int64, error) {
		n, err := w.Write(random)
		return int64(n), err
	}}
	saving(t, flight, debug.SaveOptions{Dir: dir, Duration: 1, MaxBytes: 25_000}, func(
		t *testing.T, r *fakeRequests, s *debug.Saver,
	) {
		for id := range uint64(4) {
			r.ends(id, time.Second)
			time.Sleep(time.Minute)
		}
		var bytes int64
		for _, name := range files(t, dir) {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			bytes += info.Size()
		}
		if n := len(files(t, dir)); n < 1 || bytes > 25_000 || s.Stats().Saved != 4 {
			t.Errorf("%d files of %d bytes, %+v", n, bytes, s.Stats())
		}

		before := files(t, dir)
		flight.write = func(w io.Writer) (n int64, err error) {
			for range 1000 {
				if _, err := w.Write(random[:1+n%9_999]); err != nil {
					return n, err
				}
				n += 7919
			}
			return n, nil
		}
		r.ends(9, time.Second)
		saved()
		if got := s.Stats(); got.Failed != 1 || !strings.Contains(got.Err.Error(), "exceed MaxBytes") ||
			!slices.Equal(files(t, dir), before) {
			t.Errorf("too large: %+v, files %q", got, files(t, dir))
		}
	})
}

// The clock was wrong when some files were written: they have times in the future.
func TestSaveSlowAfterTheClockWasSetBack(t *testing.T) {
	dir := t.TempDir()
	for _, year := range []int{1990, 2036, 2037} {
		name := fmt.Sprintf("gaps-%d0101T000000.000000000Z-00000000000000ab.zip", year)
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	saving(t, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1, MaxFiles: 3}, func(
		t *testing.T, r *fakeRequests, _ *debug.Saver,
	) {
		var years []string
		for id := range uint64(4) {
			r.ends(id, time.Second)
			time.Sleep(time.Minute)
			var line []string
			for _, name := range files(t, dir) {
				line = append(line, name[5:9])
			}
			years = append(years, strings.Join(line, " "))
		}
		if got := strings.Join(years, ", "); got != "1990 2000 2037, 1990 2000 2000, 2000 2000 2000, 2000 2000 2000" {
			t.Errorf("years %s", got)
		}
	})
}

// A program that was killed leaves a temporary file.
func TestSaveSlowRemovesTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{"gaps-1.zip.tmp": 2 * time.Hour, "gaps-2.zip.tmp": time.Minute} {
		name = filepath.Join(dir, name)
		then := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(-age) // a bubble begins then
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Chtimes(name, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	saving(t, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1}, func(
		t *testing.T, r *fakeRequests, _ *debug.Saver,
	) {
		r.ends(1, time.Second)
		saved()
		if names := files(t, dir); len(names) != 2 || names[0] != "gaps-2.zip.tmp" {
			t.Errorf("files %q", names)
		}
	})
}

func TestSaveSlowFolder(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "gaps")
	notFolder := func() {
		if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	notFolder()
	if _, err := debug.SaveSlow(&fakeRequests{}, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1}); err == nil ||
		!strings.Contains(err.Error(), dir) {
		t.Errorf("not a folder: %v", err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	saving(t, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1}, func(
		t *testing.T, r *fakeRequests, s *debug.Saver,
	) {
		if names := files(t, dir); len(names) != 0 {
			t.Errorf("files %q", names)
		}
		notFolder()
		r.ends(1, time.Second)
		saved()
		if got := s.Stats(); got.Failed != 1 || !strings.Contains(got.Err.Error(), dir) {
			t.Errorf("while it is not a folder: %+v", got)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r.ends(2, time.Second)
		saved()
		if got := s.Stats(); got.Saved != 1 || len(files(t, dir)) != 1 {
			t.Errorf("after it was removed: %+v", got)
		}
	})
}

func TestSaveSlowIntoReadOnlyFolder(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("skipped: root may write to any folder")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := debug.SaveSlow(&fakeRequests{}, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1}); !errors.Is(
		err, os.ErrPermission,
	) {
		t.Errorf("got %v", err)
	}
}

// As several programs do.
func TestSaversShareAFolder(t *testing.T) {
	dir := t.TempDir()
	var programs sync.WaitGroup
	for program := range uint64(3) {
		programs.Go(func() {
			r := &fakeRequests{}
			s, err := debug.SaveSlow(r, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1, MinInterval: 1, MaxFiles: 2})
			if err != nil {
				t.Error(err)
				return
			}
			for i := range uint64(30) {
				r.ends(program<<32+i, time.Second)
				for s.Stats().Saved < int(i)+1 && s.Stats().Failed == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			s.Close()
			if got := s.Stats(); got.Saved != 30 || got.Failed != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	programs.Wait()
	names := files(t, dir)
	if len(names) < 1 || len(names) > 4 { // each may remove its own last
		t.Errorf("files %q", names)
	}
	for _, name := range names {
		if got := unzip(t, filepath.Join(dir, name)); string(got["trace.out"]) != "go 1.26 trace" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
