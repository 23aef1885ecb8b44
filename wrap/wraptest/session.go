package wraptest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Session is one use of a client: it holds the context of the calls, and notes what the program
// sees. It may be used by several goroutines, if the order of their notes is always the same.
type Session struct {
	ctx     context.Context
	cancel  func()
	known   []error
	network bool

	begin, end time.Time

	mu    sync.Mutex
	notes strings.Builder
	work  []interval
}

// interval is a time without the end.
type interval struct{ start, end time.Time }

// Context returns the context for the calls of the client.
func (s *Session) Context() context.Context { return s.ctx }

// Cancel cancels the context.
func (s *Session) Cancel() { s.cancel() }

// Note notes what the program sees: results and errors. Of an error, it notes the type, the text,
// and which of [Client.Errors] it is. Other values are formatted with %v, so a value that is not
// the same each time, such as a pointer, must not be noted.
func (s *Session) Note(what string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes.WriteString(what)
	for _, v := range values {
		err, ok := v.(error)
		if !ok {
			fmt.Fprintf(&s.notes, " %v", v)
			continue
		}
		fmt.Fprintf(&s.notes, " %T %q", err, err)
		for _, known := range s.known {
			if errors.Is(err, known) {
				fmt.Fprintf(&s.notes, " is %q", known)
			}
		}
	}
	s.notes.WriteByte('\n')
}

// Work is the work of the program between two waits. It takes a second of the bubble's time, which
// no span may cover.
func (s *Session) Work() {
	if s.network {
		return
	}
	start := time.Now()
	time.Sleep(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work = append(s.work, interval{start, time.Now()})
}

// use calls f, and notes how it ends.
func (s *Session) use(f func()) {
	done := make(chan bool)
	go func() {
		returned := false
		defer close(done)
		defer func() {
			s.end = time.Now()
			if v := recover(); v != nil {
				s.Note("panics with", v)
			} else if !returned {
				s.Note("ends its goroutine")
			}
		}()
		s.begin = time.Now()
		f()
		returned = true
	}()
	<-done
}

func (s *Session) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes.String()
}
