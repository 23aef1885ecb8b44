package rowsort

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// randomRows returns rows with few different keys, of which some differ only in their last digit.
func randomRows(random *rand.Rand, n int) []string {
	rows := make([]string, n)
	for i := range rows {
		length := random.IntN(100)
		if random.IntN(100) == 0 {
			length = random.IntN(600_000)
		}
		rows[i] = fmt.Sprintf("%016x%016x\t%d%s\n",
			uint64(random.IntN(3))<<62|uint64(random.IntN(20)), random.IntN(4), i, strings.Repeat("x", length))
	}
	return rows
}

func TestSort(t *testing.T) {
	for name, c := range map[string]struct{ memory, rows, least, runs int }{
		"nothing":       {1 << 20, 0, 8 << 10, 0},
		"in memory":     {1 << 30, 3000, 8 << 10, 0},
		"spilled":       {1 << 20, 3000, 8 << 10, 4},
		"merged twice":  {1 << 20, 3000, 512 << 10, 4},
		"one row a run": {1, 3000, 512 << 10, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			random := rand.New(rand.NewPCG(1, 40))
			rows := randomRows(random, c.rows)
			s := New(int64(c.memory))
			s.least = c.least
			for batch := range slices.Chunk(rows, 1+random.IntN(9)) {
				if err := s.Add([]byte(strings.Join(batch, ""))); err != nil {
					t.Fatal(err)
				}
				if s.used > s.memory+entrySize && len(s.entries) > 1 {
					t.Fatalf("%d bytes in memory", s.used)
				}
			}
			sorted, err := s.Sorted()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(sorted)
			if err != nil {
				t.Fatal(err)
			}
			if runs, written := s.Spilled(); runs < c.runs || c.runs == 0 && runs > 0 || (runs > 0) != (written > 0) {
				t.Errorf("%d runs of %d bytes", runs, written)
			}
			got := slices.Collect(strings.Lines(string(text)))
			if !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(a[:keyLength], b[:keyLength]) }) {
				t.Error("not sorted")
			}
			slices.Sort(got)
			slices.Sort(rows)
			if !slices.Equal(got, rows) {
				t.Errorf("%d rows of %d", len(got), len(rows))
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("files in TMPDIR: %v, %v", left, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTempFileCannotBeCreated(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	s := New(0)
	rows := randomRows(rand.New(rand.NewPCG(2, 40)), 3000)
	err := s.Add([]byte(strings.Join(rows, "")))
	want := "cannot sort in the folder for temporary files, " + os.TempDir() + ": "
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "set TMPDIR to a folder with enough space") {
		t.Errorf("got %v", err)
	}
}

// An int has 32 bits on some platforms.
func TestMoreMemoryThanAnInt(t *testing.T) {
	if s := New(math.MaxInt64); s.memory != math.MaxInt {
		t.Errorf("%d bytes", s.memory)
	}
}

func TestAddRefuses(t *testing.T) {
	for _, row := range []string{"\n", "0\t1\n", strings.Repeat("0", 40)} {
		if err := New(0).Add([]byte(row)); err == nil {
			t.Errorf("%q is accepted", row)
		}
	}
}
