// Package script has servers that follow a script in the request: what to answer, and when. So a
// benchmark decides how long a client waits.
package script

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Script is the answer to one request, piece by piece.
type Script []Piece

// Piece is one part of an answer: bytes of a body, rows, or a message.
type Piece struct {
	After time.Duration // the wait before it is sent
	Size  int           // bytes, or rows
}

// String encodes the script for a URL or a statement: "3000*512,250*1024", with times in
// microseconds.
func (s Script) String() string {
	var b strings.Builder
	for i, p := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d*%d", p.After.Microseconds(), p.Size)
	}
	return b.String()
}

// Parse parses what String returns.
func Parse(text string) (Script, error) {
	var s Script
	for item := range strings.SplitSeq(text, ",") {
		after, size, _ := strings.Cut(item, "*")
		us, err := strconv.Atoi(after)
		if err != nil {
			return nil, fmt.Errorf("script: %q: %w", item, err)
		}
		n, err := strconv.Atoi(size)
		if err != nil {
			return nil, fmt.Errorf("script: %q: %w", item, err)
		}
		s = append(s, Piece{time.Duration(us) * time.Microsecond, n})
	}
	return s, nil
}

// play waits before each piece, and sends it.
func (s Script) play(send func(size int) error) error {
	for _, p := range s {
		time.Sleep(p.After)
		if err := send(p.Size); err != nil {
			return err
		}
	}
	return nil
}

// write writes n spaces.
func write(w io.Writer, n int) error {
	for n > 0 {
		part := spaces[:min(n, len(spaces))]
		if _, err := io.WriteString(w, part); err != nil {
			return err
		}
		n -= len(part)
	}
	return nil
}

// spaces are valid between the values of any JSON.
var spaces = strings.Repeat(" ", 4096)
