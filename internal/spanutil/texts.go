package spanutil

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// Texts remembers how spans show texts of a kind, such as the statements of a database. Programs
// repeat them, and to search one for credentials costs more than to look it up. Texts keeps at most
// maxTexts of up to [MaxValue] bytes. The zero Texts is empty. It is safe for use by several
// goroutines.
type Texts [maxTexts]struct {
	known  atomic.Pointer[knownText]
	missed atomic.Uint64 // the hash of the last text that was not known
}

const maxTexts = 64

type knownText struct {
	text  string
	shown Text
}

var textSeed = maphash.MakeSeed()

// Show returns show(text), truncated, for the tag of a span. A Texts must always get the same show.
// A text is kept when it comes a second time: one that holds values may never do so.
func (t *Texts) Show(text string, show func(text string) string) Text {
	if len(text) > MaxValue {
		return NewText(show(text))
	}
	hash := maphash.String(textSeed, text)
	if known := t.known(hash); known != nil && known.text == text {
		return known.shown
	}
	return t.learn(hash, text, show)
}

// Text is Show for a text that spans show as it is.
func (t *Texts) Text(text string) Text {
	return t.Show(text, func(text string) string { return text })
}

// ShowBytes is Show for a text in a temporary buffer. It allocates nothing for a text that is
// known.
func (t *Texts) ShowBytes(text []byte, show func(text string) string) Text {
	if len(text) <= MaxValue {
		hash := maphash.Bytes(textSeed, text)
		if known := t.known(hash); known != nil && known.text == string(text) {
			return known.shown
		}
		return t.learn(hash, string(text), show)
	}
	return NewText(show(string(text)))
}

func (t *Texts) known(hash uint64) *knownText { return t[hash%maxTexts].known.Load() }

func (t *Texts) learn(hash uint64, text string, show func(text string) string) Text {
	slot := &t[hash%maxTexts]
	shown := NewText(show(text))
	if slot.missed.Swap(hash) == hash {
		// Copies: either may be a part of a large text, such as the host of a URL.
		s, _ := shown.value.(string)
		slot.known.Store(&knownText{strings.Clone(text), Text{strings.Clone(s)}})
	}
	return shown
}
