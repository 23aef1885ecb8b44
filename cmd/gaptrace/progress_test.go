package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap/jaegerjson"
)

func TestProgressIsShownWhereItTakesLongAndIsGoneAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen strings.Builder
		p := &progress{w: &screen, width: 80, ended: make(chan struct{})}
		p.wait.Go(p.run)
		p.doing("reading a\x1b[31m.json")
		p.told(jaegerjson.Progress{Bytes: 1_500_000, Traces: 1, Spans: 20})
		time.Sleep(patience - time.Millisecond)
		if screen.String() != "" {
			t.Errorf("after less than %v: %q", patience, screen.String())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		line := "\r\x1b[Kreading a�[31m.json: 1.5 MB, 1 trace, 20 spans"
		if screen.String() != line {
			t.Errorf("%q", screen.String())
		}
		p.say(errors.New("trying again"))
		p.close()
		p.close()
		if screen.String() != line+"\r\x1b[Kgaptrace: trying again\n" {
			t.Errorf("%q", screen.String())
		}
	})
}
