package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

// progress is a line on a terminal that shows what a long run is doing.
type progress struct {
	w     io.Writer
	width int // of the terminal

	mu    sync.Mutex
	task  string
	read  read.Progress
	drawn bool          // the line is on the terminal
	over  bool          // close was called
	ended chan struct{} // closed when over
	wait  sync.WaitGroup
}

const (
	firstDraw = 500 * time.Millisecond // a shorter run needs no line
	redraw    = 100 * time.Millisecond
)

func newProgress(w io.Writer) *progress {
	return &progress{w: w, width: terminal.Width(w), ended: make(chan struct{})}
}

// start begins drawing if the writer is a terminal.
func (p *progress) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over && terminal.Is(p.w) {
		p.wait.Go(p.run)
	}
}

func (p *progress) run() {
	next := time.NewTimer(firstDraw)
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

// setTask sets the task that the line shows.
func (p *progress) setTask(task string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.task = task
}

// setRead sets how much has been read, which the line shows.
func (p *progress) setRead(read read.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = read
}

func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.task
	if p.read.Bytes > 0 {
		line += ": " + readSoFar(p.read)
	}
	fmt.Fprint(p.w, "\r\x1b[K"+printable.Text(line, max(20, p.width-4))) // a wrapped line could not be erased
	p.drawn = true
}

// readSoFar formats how much was read: "1.50 MB, 1 trace, 20 spans", or "1.50 MB" if there are no
// spans yet, as in an execution trace. Readers of formats whose spans are not grouped by trace
// count no traces.
func readSoFar(p read.Progress) string {
	bytes := humanize.BytesN(uint64(p.Bytes), 3)
	spans := fmt.Sprintf("%d %s", p.Spans, printable.Plural(p.Spans, "span"))
	switch {
	case p.Traces > 0:
		return fmt.Sprintf("%s, %d %s, %s", bytes, p.Traces, printable.Plural(p.Traces, "trace"), spans)
	case p.Spans > 0:
		return bytes + ", " + spans
	}
	return bytes
}

func (p *progress) erase() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// print writes a message that is not erased, whether or not the writer is a terminal. After close
// it writes nothing: that an interrupted request is repeated needs no message.
func (p *progress) print(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.erase()
	printError(p.w, err)
}

// close erases the line. It may be called more than once.
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
