package report

import (
	"bufio"
	"encoding/binary"
	"io"
)

// profileWriter writes a profile as protobuf messages, one after the other. The profile of package
// github.com/google/pprof would be in memory as a whole, which for a million stacks is a gigabyte.
//
// The numbers of fields are those of https://github.com/google/pprof/blob/main/proto/profile.proto.
type profileWriter struct {
	w       *bufio.Writer
	strings map[string]uint64 // those that are written, by their index
	message []byte            // the one that is being built
	inner   []byte            // a message or list in it
}

// sampleLabel is a label of a sample.
type sampleLabel struct{ key, value string }

func newProfileWriter(w io.Writer) *profileWriter {
	p := &profileWriter{w: bufio.NewWriterSize(w, 64<<10), strings: map[string]uint64{}}
	p.text("") // the first string must be empty
	return p
}

func (p *profileWriter) close() error { return p.w.Flush() }

// text returns the index of a string, and writes the string if it is new.
func (p *profileWriter) text(s string) uint64 {
	i, known := p.strings[s]
	if !known {
		i = uint64(len(p.strings))
		p.strings[s] = i
		p.field(6, []byte(s))
	}
	return i
}

// field writes a field of the profile that is a message, a list or a string.
func (p *profileWriter) field(number uint64, content []byte) {
	var head [2 * binary.MaxVarintLen64]byte
	b := binary.AppendUvarint(head[:0], number<<3|2)
	b = binary.AppendUvarint(b, uint64(len(content)))
	_, _ = p.w.Write(b) // close returns the error
	_, _ = p.w.Write(content)
}

// number appends a field with a number, unless it is 0, the default.
func number(b []byte, field, n uint64) []byte {
	if n == 0 {
		return b
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, field<<3), n)
}

// nested appends a field that is a message, a list or a string.
func nested(b []byte, field uint64, content []byte) []byte {
	b = binary.AppendUvarint(b, field<<3|2)
	return append(binary.AppendUvarint(b, uint64(len(content))), content...)
}

// list appends a list of numbers, unless it is empty.
func list[N uint64 | int64](p *profileWriter, b []byte, field uint64, numbers []N) []byte {
	if len(numbers) == 0 {
		return b
	}
	p.inner = p.inner[:0]
	for _, n := range numbers {
		p.inner = binary.AppendUvarint(p.inner, uint64(n))
	}
	return nested(b, field, p.inner)
}

func (p *profileWriter) sampleType(name, unit string) {
	b := number(p.message[:0], 1, p.text(name))
	p.message = number(b, 2, p.text(unit))
	p.field(1, p.message)
}

// header writes what a profile has once.
func (p *profileWriter) header(s *Stacks, defaultType string) {
	b := number(p.message[:0], 1, 1)
	b = number(b, 5, p.text("traces"))
	p.message = number(b, 7, 1) // without functions, pprof would look for a binary
	p.field(3, p.message)
	var comments []uint64
	for _, line := range s.caveats.lines() {
		comments = append(comments, p.text(line))
	}
	b = list(p, nil, 13, comments)
	b = number(b, 14, p.text(defaultType))
	if len(s.frames) > 0 {
		b = number(b, 9, uint64(s.start.UnixNano()))
		b = number(b, 10, uint64(s.end.Sub(s.start)))
	}
	_, _ = p.w.Write(b)
}

// sample writes a sample. The stack begins with its last frame.
func (p *profileWriter) sample(stack []uint64, values []int64, labels []sampleLabel) {
	b := list(p, p.message[:0], 1, stack)
	b = list(p, b, 2, values)
	for _, l := range labels {
		p.inner = number(number(p.inner[:0], 1, p.text(l.key)), 2, p.text(l.value))
		b = nested(b, 3, p.inner)
	}
	p.message = b
	p.field(2, b)
}

// location writes a location and its function. pprof takes a system name for C++ and removes what
// looks like templates and parameters from it: GET /users/<id> and GET /users/<name> would become
// one function. So functions have none.
func (p *profileWriter) location(id uint64, function, file string, line int64) {
	b := number(p.message[:0], 1, id)
	b = number(b, 2, p.text(function))
	p.message = number(b, 4, p.text(file))
	p.field(5, p.message)

	p.inner = number(number(p.inner[:0], 1, id), 2, uint64(line))
	b = number(p.message[:0], 1, id)
	b = number(b, 2, 1) // the mapping
	p.message = nested(b, 4, p.inner)
	p.field(4, p.message)
}
