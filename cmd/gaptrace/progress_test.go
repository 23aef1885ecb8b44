package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap/jaegerjson"
)

func TestProgressIsShownWhereItTakesLongAndIsGoneAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen strings.Builder
		p := &progress{w: &screen, width: 80, ended: make(chan struct{})}
		shown := func() string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return screen.String()
		}
		p.wait.Go(p.run)
		p.doing("reading a\x1b[31m.json")
		p.told(jaegerjson.Progress{Bytes: 1_500_000, Traces: 1, Spans: 20})
		time.Sleep(patience - time.Millisecond)
		if shown() != "" {
			t.Errorf("after less than %v: %q", patience, shown())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		line := "\r\x1b[Kreading a�[31m.json: 1.5 MB, 1 trace, 20 spans"
		if shown() != line {
			t.Errorf("%q", shown())
		}
		p.say(errors.New("trying again"))
		p.close()
		p.close()
		if shown() != line+"\r\x1b[Kgaptrace: trying again\n" {
			t.Errorf("%q", shown())
		}
	})
}

func TestProgressIsNoWiderThanTheTerminal(t *testing.T) {
	for width, most := range map[int]int{40: 39, 100: 99, 0: 24} {
		var screen strings.Builder
		p := &progress{w: &screen, width: width, ended: make(chan struct{})}
		p.doing("reading " + strings.Repeat("long", 100) + ".json")
		p.draw()
		line, ok := strings.CutPrefix(screen.String(), "\r\x1b[K")
		if n := utf8.RuneCountInString(line); !ok || n > most || n < most-5 || !strings.HasSuffix(line, "…") {
			t.Errorf("%d columns: %d of %q", width, n, line)
		}
	}
}

func TestAProgressThatIsOverSaysNothing(t *testing.T) {
	var screen strings.Builder
	p := newProgress(&screen)
	p.close()
	p.start()
	p.say(errors.New("trying again"))
	if screen.String() != "" {
		t.Errorf("%q", screen.String())
	}
}
