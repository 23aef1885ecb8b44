package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

// progress is a line on a terminal that says what takes so long.
type progress struct {
	w     io.Writer
	width int // of the terminal

	mu    sync.Mutex
	what  string
	far   jaegerjson.Progress
	drawn bool
	over  bool
	ended chan struct{} // closed when it is over
	wait  sync.WaitGroup
}

const (
	patience = 500 * time.Millisecond // what takes less needs no line
	redraw   = 100 * time.Millisecond
)

func newProgress(w io.Writer) *progress {
	return &progress{w: w, width: terminal.Width(w), ended: make(chan struct{})}
}

// start draws if it is on a terminal.
func (p *progress) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over && terminal.Is(p.w) {
		p.wait.Go(p.run)
	}
}

func (p *progress) run() {
	next := time.NewTimer(patience)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			p.draw()
			next.Reset(redraw)
		case <-p.ended:
			return
		}
	}
}

// doing says what begins now.
func (p *progress) doing(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what = what
}

// told says how far a reading has come.
func (p *progress) told(far jaegerjson.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.far = far
}

func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.what
	if p.far.Bytes > 0 {
		line += fmt.Sprintf(": %.1f MB, %d %s, %d %s",
			float64(p.far.Bytes)/1e6, p.far.Traces, printable.Plural(p.far.Traces, "trace"), p.far.Spans, printable.Plural(p.far.Spans, "span"))
	}
	fmt.Fprint(p.w, "\r\x1b[K"+printable.Text(line, max(20, p.width-4))) // a line that wraps could not be removed
	p.drawn = true
}

func (p *progress) erase() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// say writes a line that stays. It is told whether w is a terminal or not, but not when what failed was interrupted.
func (p *progress) say(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.erase()
	complain(p.w, err)
}

// close removes the line. It may be called more than once.
func (p *progress) close() {
	p.mu.Lock()
	if !p.over {
		p.over = true
		close(p.ended)
	}
	p.mu.Unlock()
	p.wait.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}
