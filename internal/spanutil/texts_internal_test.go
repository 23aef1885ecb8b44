package spanutil

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// A text is shown as without the memory, whatever was shown before.
func TestTextsShowTheSame(t *testing.T) {
	all := []string{"", "\xff", strings.Repeat("x", MaxValue), strings.Repeat("x", MaxValue+1)}
	for i := range 1000 {
		all = append(all, fmt.Sprint("text ", i))
	}
	show := strings.ToUpper
	var texts Texts
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 3 * len(all) {
				text := all[i%len(all)]
				want := NewText(show(text))
				if got, again := texts.Show(text, show), texts.ShowBytes([]byte(text), show); got != want || again != want {
					t.Errorf("%.40q is shown as %v and %v, want %v", text, got, again, want)
				}
			}
		})
	}
	group.Wait()
}

func TestTextsAreKept(t *testing.T) {
	var texts Texts
	show := func(text string) string { return text + "!" }
	const repeated = "SELECT name FROM products WHERE id = ?"
	bytes := []byte(repeated)
	texts.Show(repeated, show)
	texts.Show(repeated, show)
	allocs := testing.AllocsPerRun(100, func() {
		texts.Show(repeated, show)
		texts.ShowBytes(bytes, show)
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a text that came before", allocs)
	}
	for i := range 10 * maxTexts {
		texts.Show(fmt.Sprint("SELECT ", i), show)
	}
	kept := 0
	for i := range texts {
		if texts[i].known.Load() != nil {
			kept++
		}
	}
	if kept > 1 {
		t.Errorf("%d texts are kept, of which one came twice", kept)
	}
}
