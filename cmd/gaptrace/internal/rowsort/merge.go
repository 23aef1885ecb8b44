package rowsort

import (
	"bufio"
	"bytes"
	"io"
	"os"
)

// run is a sequence of sorted rows.
type run interface {
	next() bool   // reads the next row; false at the end, or after an error
	line() []byte // the row, with its new line; valid until next
	err() error
}

// memoryRun has the sorted rows in memory.
type memoryRun struct {
	sorter *Sorter
	at     int // index of the next row
	sorted int // how many entries are sorted by the whole key
}

func (m *memoryRun) next() bool {
	if m.at == m.sorted && m.at < len(m.sorter.entries) {
		m.sorted = m.sorter.sortEqual(m.at)
	}
	m.at++
	return m.at <= len(m.sorter.entries)
}

func (m *memoryRun) line() []byte { return m.sorter.row(m.sorter.entries[m.at-1]) }
func (m *memoryRun) err() error   { return nil }

// fileRun reads a run from the file.
type fileRun struct {
	lines *bufio.Reader
	text  []byte
	long  []byte // a row that is longer than the buffer
	error error
}

func newFileRun(file *os.File, s section, buffer int) *fileRun {
	return &fileRun{lines: bufio.NewReaderSize(io.NewSectionReader(file, s.start, s.end-s.start), buffer)}
}

func (f *fileRun) next() bool {
	line, err := f.lines.ReadSlice('\n')
	for f.long = f.long[:0]; err == bufio.ErrBufferFull; {
		f.long = append(f.long, line...)
		line, err = f.lines.ReadSlice('\n')
	}
	if len(f.long) > 0 {
		f.long = append(f.long, line...)
		line = f.long
	}
	if err != nil {
		if err != io.EOF || len(line) > 0 {
			f.error = spillError(err)
		}
		return false
	}
	f.text = line
	return true
}

func (f *fileRun) line() []byte { return f.text }
func (f *fileRun) err() error   { return f.error }

// merged merges runs. It is a heap by the keys of their current rows.
type merged struct {
	heap    []head
	started bool
	error   error
}

type head struct {
	right uint64
	run   run
}

func (h *head) before(other *head) bool {
	if h.right != other.right {
		return h.right < other.right
	}
	return bytes.Compare(h.run.line()[keyLength/2:keyLength], other.run.line()[keyLength/2:keyLength]) < 0
}

func newMerged(runs []run) *merged {
	m := &merged{}
	for _, r := range runs {
		if r.next() {
			m.heap = append(m.heap, head{right(r.line()), r})
		} else if err := r.err(); err != nil {
			m.error = err
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return m
}

// down moves the head at i down to its place.
func (m *merged) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.heap); child++ {
			if m.heap[child].before(&m.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}

func (m *merged) next() bool {
	if m.error != nil || len(m.heap) == 0 {
		return false
	}
	if !m.started { // newMerged has read the first rows
		m.started = true
		return true
	}
	first := &m.heap[0]
	if first.run.next() {
		first.right = right(first.run.line())
	} else {
		if m.error = first.run.err(); m.error != nil {
			return false
		}
		last := len(m.heap) - 1
		m.heap[0] = m.heap[last]
		m.heap = m.heap[:last]
	}
	m.down(0)
	return len(m.heap) > 0
}

func (m *merged) line() []byte { return m.heap[0].run.line() }
func (m *merged) err() error   { return m.error }

// Sorted returns a reader of all rows, sorted by key. Add no more rows.
func (s *Sorter) Sorted() (io.Reader, error) {
	if s.file == nil {
		s.sort()
		return &reader{run: &memoryRun{sorter: s}}, nil
	}
	if len(s.entries) > 0 {
		if err := s.spill(); err != nil {
			return nil, err
		}
	}
	s.chunks, s.free, s.entries = nil, nil, nil // the buffers of the runs take their place
	for most := max(2, s.memory/s.least); len(s.runs) > most; {
		if err := s.mergeRuns(most); err != nil {
			return nil, err
		}
	}
	return &reader{run: newMerged(s.open(s.runs))}, nil
}

// open opens runs. Together, their buffers fit into the memory.
func (s *Sorter) open(sections []section) (runs []run) {
	buffer := min(256<<10, max(s.memory/max(len(sections), 1), s.least))
	for _, section := range sections {
		runs = append(runs, newFileRun(s.file, section, buffer))
	}
	return runs
}

// mergeRuns merges each group of runs into one of a new file.
func (s *Sorter) mergeRuns(most int) error {
	file, err := tempFile()
	if err != nil {
		return err
	}
	var larger []section
	at := int64(0)
	for first := 0; first < len(s.runs); first += most {
		group := s.runs[first:min(first+most, len(s.runs))]
		run, err := writeRun(file, at, newMerged(s.open(group)))
		if err != nil {
			file.Close()
			return err
		}
		larger, at = append(larger, run), run.end
	}
	old := s.file
	s.file, s.runs = file, larger
	return old.Close()
}

// reader reads the rows of a run.
type reader struct {
	run  run
	rest []byte // of the current row
}

func (r *reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.rest) == 0 {
			if n > 0 && len(p)-n < 256 {
				return n, nil // rather than a part of a row
			}
			if !r.run.next() {
				if err = r.run.err(); err == nil {
					err = io.EOF
				}
				return n, err
			}
			r.rest = r.run.line()
		}
		copied := copy(p[n:], r.rest)
		n, r.rest = n+copied, r.rest[copied:]
	}
	return n, nil
}
