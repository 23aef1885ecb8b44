package rowsort

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

const (
	keyLength = 32
	chunkSize = 256 << 10
	entrySize = 16 // of a row in memory, in addition to its text
)

// Sorter sorts rows. Add all of them, then read them sorted by key, and close it.
type Sorter struct {
	memory  int       // how many bytes the rows in memory may take
	chunks  [][]byte  // of the rows in memory; a row is in one chunk
	free    [][]byte  // empty chunks
	entries []entry   // the rows in memory
	used    int       // bytes of chunks and entries
	file    *os.File  // nil before the first run
	runs    []section // of the file
	spilled int       // how many runs were written, before they were merged
	written int64     // bytes of these runs
	least   int       // bytes of the smallest buffer for a run
}

// entry is a row in memory.
type entry struct {
	right         uint64 // the first half of the key
	chunk, offset uint32
}

// section is a part of the file.
type section struct{ start, end int64 }

// New returns a sorter that takes about memory bytes, but at least 1 MiB.
func New(memory int64) *Sorter {
	return &Sorter{memory: int(min(max(memory, 1<<20), math.MaxInt)), least: 8 << 10}
}

// Add adds rows, each with its new line. It does not keep them.
func (s *Sorter) Add(rows []byte) error {
	for len(rows) > 0 {
		end := bytes.IndexByte(rows, '\n') + 1
		if end <= keyLength {
			return errors.New("rowsort: a row without a key")
		}
		if err := s.add(rows[:end]); err != nil {
			return err
		}
		rows = rows[end:]
	}
	return nil
}

func (s *Sorter) add(row []byte) error {
	if s.used+len(row) > s.memory && len(s.entries) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	last := len(s.chunks) - 1
	if last < 0 || cap(s.chunks[last])-len(s.chunks[last]) < len(row) {
		s.chunks = append(s.chunks, s.newChunk(len(row)))
		last++
	}
	s.entries = append(s.entries, entry{right(row), uint32(last), uint32(len(s.chunks[last]))})
	s.chunks[last] = append(s.chunks[last], row...)
	s.used += len(row) + entrySize
	return nil
}

func (s *Sorter) newChunk(least int) []byte {
	if last := len(s.free) - 1; last >= 0 && least <= chunkSize {
		chunk := s.free[last]
		s.free = s.free[:last]
		return chunk
	}
	return make([]byte, 0, max(chunkSize, least))
}

// row returns the text of an entry, with its new line.
func (s *Sorter) row(e entry) []byte {
	text := s.chunks[e.chunk][e.offset:]
	return text[:bytes.IndexByte(text, '\n')+1]
}

// left returns the second half of an entry's key.
func (s *Sorter) left(e entry) []byte {
	return s.chunks[e.chunk][e.offset+keyLength/2 : e.offset+keyLength]
}

// right returns the first half of a row's key, whose characters are all hexadecimal digits.
func right(row []byte) (n uint64) {
	for _, c := range row[:keyLength/2] {
		if c -= '0'; c > 9 {
			c -= 'a' - '0' - 10
		}
		n = n<<4 | uint64(c&15)
	}
	return n
}

// sort sorts the entries by the first half of their keys, without reading the rows. Entries with
// equal first halves stay unsorted until memoryRun reads their rows.
func (s *Sorter) sort() {
	slices.SortFunc(s.entries, func(a, b entry) int { return cmp.Compare(a.right, b.right) })
}

// sortEqual takes the entries from first on that have the same first half of the key. It sorts them
// by the second half, and returns the index after them.
func (s *Sorter) sortEqual(first int) (end int) {
	right := s.entries[first].right
	for end = first + 1; end < len(s.entries) && s.entries[end].right == right; end++ {
	}
	slices.SortFunc(s.entries[first:end], func(a, b entry) int { return bytes.Compare(s.left(a), s.left(b)) })
	return end
}

// spill writes the rows in memory to the file as a run.
func (s *Sorter) spill() error {
	s.sort()
	if s.file == nil {
		var err error
		if s.file, err = tempFile(); err != nil {
			return err
		}
	}
	run, err := writeRun(s.file, s.written, &memoryRun{sorter: s})
	if err != nil {
		return err
	}
	s.runs, s.written = append(s.runs, run), run.end
	s.spilled++
	for _, chunk := range s.chunks {
		if cap(chunk) == chunkSize {
			s.free = append(s.free, chunk[:0])
		}
	}
	s.chunks, s.entries, s.used = s.chunks[:0], s.entries[:0], 0
	return nil
}

// writeRun writes a run to the file, which has been written up to start.
func writeRun(file *os.File, start int64, from run) (section, error) {
	written := section{start, start}
	w := bufio.NewWriterSize(io.NewOffsetWriter(file, start), 256<<10)
	for from.next() {
		n, err := w.Write(from.line())
		if written.end += int64(n); err != nil {
			return written, spillError(err)
		}
	}
	if err := from.err(); err != nil {
		return written, err
	}
	if err := w.Flush(); err != nil {
		return written, spillError(err)
	}
	return written, nil
}

// tempFile creates a file that nobody else can open, and that is gone when it is closed.
func tempFile() (*os.File, error) {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("gaptrace-rollup-%016x", rand.Uint64()))
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|deleteOnClose, 0o600)
	if err == nil && deleteOnClose == 0 {
		if err = os.Remove(name); err != nil {
			f.Close()
		}
	}
	if err != nil {
		return nil, spillError(err)
	}
	return f, nil
}

// spillError says what to do if rows cannot be written to a temporary file.
func spillError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // the user did not choose the name of the file
	}
	return fmt.Errorf("cannot sort in the folder for temporary files, %s: %w; "+
		"set TMPDIR to a folder with enough space, or raise --memory", os.TempDir(), err)
}

// Spilled returns how many runs of rows did not fit into memory, and how many bytes they have.
func (s *Sorter) Spilled() (runs int, bytes int64) { return s.spilled, s.written }

// Close frees the memory and the file.
func (s *Sorter) Close() error {
	s.chunks, s.free, s.entries = nil, nil, nil
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return file.Close()
}
