package spanutil

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"
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

// A text that is kept does not keep a larger text that it is a part of.
func TestTextsKeepCopies(t *testing.T) {
	var texts Texts
	host := "http://example.com/a/long/path"[len("http://"):][:len("example.com")]
	for range 2 {
		texts.Show(host, func(text string) string { return text[:len("example")] })
	}
	for i := range texts {
		known := texts[i].known.Load()
		if known == nil {
			continue
		}
		shown := known.shown.value.(string)
		if known.text != host || shown != "example" {
			t.Errorf("%q is shown as %q", known.text, shown)
		}
		for _, kept := range []string{known.text, shown} {
			if unsafe.StringData(kept) == unsafe.StringData(host) {
				t.Errorf("%q is a part of the program's text", kept)
			}
		}
		return
	}
	t.Error("nothing is kept")
}
