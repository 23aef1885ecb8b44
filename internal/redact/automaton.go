package redact

import (
	"strings"
	"sync"
)

// hit is a word of Words or Pairs, as the automaton finds it.
type hit struct {
	text          string
	mark          Mark   // 0 for a word of a pair
	first, second uint16 // a bit for each pair of which it is the first or the second word
}

// whole is the marks of words that count only as a whole name, or as a whole word of a name.
const whole = SQLWord | SQLName | SQLCipher | Segment

// automaton finds all words of the table in one pass over a text, by Aho and Corasick's algorithm.
// Its table next has a row for each state and a column for each class of bytes. A state is twice
// the number of its row, which leaves the lowest bit for wordEnds.
type automaton struct {
	class [256]uint8 // by byte: 0 if it is in no word, skipped if it may stand between a word's parts
	next  []uint16   // by row and column: the next state, with wordEnds if a word ends there
	hits  [][]hit    // by row: the words that end there
}

const (
	columns  = 64
	skipped  = columns - 1 // the class of separators, which do not change the state
	wordEnds = 1
)

// at returns the index in next for a byte of class in state, which must be without wordEnds.
func at(state uint16, class uint8) int { return int(state)*(columns/2) | int(class) }

// wordFinder returns the automaton. It is built at the first call, not at import.
var wordFinder = sync.OnceValue(func() *automaton {
	a := &automaton{next: make([]uint16, columns), hits: make([][]hit, 1)}
	for c := range 26 {
		a.class['a'+c], a.class['A'+c] = uint8(1+c), uint8(1+c)
	}
	for c := range 10 {
		a.class['0'+c] = uint8(27 + c)
	}
	for i, c := range `:/@(\%` {
		a.class[c] = uint8(37 + i)
	}
	for _, c := range "_-." {
		a.class[c] = skipped
	}
	for _, group := range Words {
		if group.Mark&(Anywhere|SQL|whole) != 0 {
			for word := range strings.FieldsSeq(group.Words) {
				a.add(hit{text: word, mark: group.Mark})
			}
		}
	}
	for i, pair := range Pairs {
		a.add(hit{text: pair[0], first: 1 << i})
		a.add(hit{text: pair[1], second: 1 << i})
	}
	a.add(hit{text: "://", mark: urlMark})
	for _, prefix := range tokenPrefixes {
		a.add(hit{text: strings.TrimRight(prefix, "_-."), mark: tokenMark})
	}
	for _, word := range []string{"basic", "pass", "pwd"} {
		a.add(hit{text: word, mark: settingMark})
	}
	for _, sign := range []string{
		"@tcp(", "@tcp4(", "@tcp6(", "@unix(", "@(", "@/", // user:password@tcp(host) of MySQL's drivers
		`:\/\/`, "%3a%2f%2f", // a URL that is escaped
	} {
		a.add(hit{text: sign, mark: SQL})
	}
	for _, letter := range []string{`\u004`, `\u005`, `\u006`, `\u007`} { // an escaped letter
		a.add(hit{text: letter, mark: Anywhere})
	}
	a.link()
	return a
})

func (a *automaton) add(h hit) {
	state := uint16(0)
	for _, c := range []byte(h.text) {
		if a.class[c] == skipped { // in the prefix of a token
			continue
		}
		i := at(state, a.class[c])
		if a.next[i] == 0 {
			a.next[i] = uint16(2 * len(a.hits))
			a.next = append(a.next, make([]uint16, columns)...)
			a.hits = append(a.hits, nil)
		}
		state = a.next[i]
	}
	a.hits[state/2] = append(a.hits[state/2], h)
}

// link adds the transitions for bytes that do not continue a state's word. They continue the
// longest suffix of it that begins another word.
func (a *automaton) link() {
	fail := make([]uint16, len(a.hits)) // by row: the state of that suffix
	queue := []uint16{}
	for _, state := range a.next[:columns] {
		if state != 0 {
			queue = append(queue, state)
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		other := fail[state/2]
		a.hits[state/2] = append(a.hits[state/2], a.hits[other/2]...)
		for c := range uint8(columns) {
			next := &a.next[at(state, c)]
			if *next == 0 {
				*next = a.next[at(other, c)]
				continue
			}
			fail[*next/2] = a.next[at(other, c)]
			queue = append(queue, *next)
		}
	}
	for i, next := range a.next {
		if i%columns == skipped {
			a.next[i] = uint16(i / columns * 2)
			continue
		}
		if len(a.hits[next/2]) > 0 {
			a.next[i] |= wordEnds
		}
	}
}

// find returns the marks of the words in s, and SQLName for a pair. It stops at the first mark that
// is in stop.
func find(s string, stop Mark) (found Mark) {
	a := wordFinder()
	class, next := &a.class, a.next
	var first, second uint16
	state := uint16(0)
	for i := range len(s) {
		state = next[at(state, class[s[i]])]
		if state&wordEnds == 0 {
			continue
		}
		state &^= wordEnds
		for _, h := range a.hits[state/2] {
			mark := h.mark
			if mark == tokenMark && !startsToken(s, i+1-len(h.text)) {
				continue
			}
			if mark&whole != 0 || mark == 0 {
				if !isName(s, i+1-len(h.text), i+1, h.text, mark&SQLWord != 0) {
					continue
				}
				if first, second = first|h.first, second|h.second; first&second != 0 {
					mark |= SQLName
				}
			}
			if found |= mark; found&stop != 0 {
				return found
			}
		}
	}
	return found
}

// has reports whether s contains a word with one of these marks.
func has(s string, marks Mark) bool { return find(s, marks)&marks != 0 }

// isName reports whether s[start:end] is name, in any case, and not part of a longer name. If word
// is set, it may be part of one, between underscores. A non-ASCII byte ends a name, since it may
// belong to a Unicode space.
func isName(s string, start, end int, name string, word bool) bool {
	delimits := func(c byte) bool { return !inName(c) || word && c == '_' }
	return start >= 0 && strings.EqualFold(s[start:end], name) &&
		(start == 0 || delimits(s[start-1])) && (end == len(s) || delimits(s[end]))
}

func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}
