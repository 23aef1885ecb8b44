package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap/read"
)

func TestProgress(t *testing.T) {
	t.Run("appears_late_and_disappears", func(t *testing.T) { synctest.Test(t, progressAppearsLateAndDisappears) })
	t.Run("fits_the_terminal", progressFitsTheTerminal)
	t.Run("of_an_execution_trace", progressOfExecutionTrace)
	t.Run("silent_after_close", progressSilentAfterClose)
}

func progressAppearsLateAndDisappears(t *testing.T) {
	var screen strings.Builder
	p := &progress{w: &screen, width: 80, ended: make(chan struct{})}
	shown := func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return screen.String()
	}
	p.wait.Go(p.run)
	p.setTask("reading a\x1b[31m.json")
	p.setRead(read.Progress{Bytes: 1_500_000, Traces: 1, Spans: 20})
	time.Sleep(firstDraw - time.Millisecond)
	if shown() != "" {
		t.Errorf("after less than %v: %q", firstDraw, shown())
	}
	time.Sleep(2 * time.Millisecond)
	synctest.Wait()
	line := "\r\x1b[Kreading a�[31m.json: 1.50 MB, 1 trace, 20 spans"
	if shown() != line {
		t.Errorf("%q", shown())
	}
	p.print(errors.New("trying again"))
	p.close()
	p.close()
	if shown() != line+"\r\x1b[Kgaptrace: trying again\n" {
		t.Errorf("%q", shown())
	}
}

func progressFitsTheTerminal(t *testing.T) {
	for width, most := range map[int]int{40: 39, 100: 99, 0: 24} {
		var screen strings.Builder
		p := &progress{w: &screen, width: width, ended: make(chan struct{})}
		p.setTask("reading " + strings.Repeat("long", 100) + ".json")
		p.draw()
		line, ok := strings.CutPrefix(screen.String(), "\r\x1b[K")
		if n := utf8.RuneCountInString(line); !ok || n > most || n < most-5 || !strings.HasSuffix(line, "…") {
			t.Errorf("%d columns: %d of %q", width, n, line)
		}
	}
}

func progressOfExecutionTrace(t *testing.T) {
	var screen strings.Builder
	p := &progress{w: &screen, width: 80}
	p.setTask("reading trace.out")
	p.setRead(read.Progress{Bytes: 1_500_000})
	p.draw()
	if screen.String() != "\r\x1b[Kreading trace.out: 1.50 MB" {
		t.Errorf("%q", screen.String())
	}
}

func progressSilentAfterClose(t *testing.T) {
	var screen strings.Builder
	p := newProgress(&screen)
	p.close()
	p.start()
	p.print(errors.New("trying again"))
	if screen.String() != "" {
		t.Errorf("%q", screen.String())
	}
}
