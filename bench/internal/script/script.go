// Package script has servers that answer what they are told, when they are told: a client's waits are scripted, by
// whoever calls it.
package script

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Script is what a server does for one request, piece by piece.
type Script []Piece

// Piece is one thing that is sent: bytes of a body, rows, or a message.
type Piece struct {
	After time.Duration // the server waits this long before it
	Size  int           // bytes, or rows
}

// String is the script as it travels, in a URL or a statement: "3000*512,250*1024", where times are in microseconds.
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

// Parse reads what String wrote.
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

// play waits for each piece and sends it.
func (s Script) play(send func(size int) error) error {
	for _, p := range s {
		time.Sleep(p.After)
		if err := send(p.Size); err != nil {
			return err
		}
	}
	return nil
}

// write writes n bytes that are nothing in particular.
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

// spaces may stand between the values of any JSON.
var spaces = strings.Repeat(" ", 4096)
