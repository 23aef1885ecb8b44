package redis

import (
	"math"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/internal/redact"
)

const maxStatement = redact.MaxValue + 64 // bytes; more than MaxValue, so that spanutil.Truncate adds its mark

// AppendTo appends the command's name and its keys to b, with ? for every other argument. It reads
// only the keys, and of those only as much as fits.
func (c *Command) AppendTo(b []byte, args []any) []byte {
	keys := c.keys.among(args)
	b = append(b, c.Name...)
	for i := c.words; i < len(args) && len(b) < maxStatement; i++ {
		b = append(b, ' ')
		if keys.have(i) {
			b = appendKey(b, args[i])
		} else {
			b = append(b, '?')
		}
	}
	return b
}

// appendKey appends a key as go-redis would send it. For a key that go-redis encodes by a method of
// the key, it appends ?, so that the method is not called twice.
func appendKey(b []byte, key any) []byte {
	room := max(0, maxStatement-len(b))
	switch key := key.(type) {
	case string:
		return append(b, key[:min(len(key), room)]...)
	case []byte:
		return append(b, key[:min(len(key), room)]...)
	case int:
		return strconv.AppendInt(b, int64(key), 10)
	case int64:
		return strconv.AppendInt(b, key, 10)
	case uint64:
		return strconv.AppendUint(b, key, 10)
	}
	return append(b, '?')
}

// keys says which arguments of a command are keys. The name is argument 0.
type keys struct {
	first, last, step int    // as in COMMAND's answer: no keys if first is 0; a negative last counts from the end
	count             int    // the argument that says how many keys follow it; 0: no such argument
	word              string // "streams": the first half of the arguments after it are keys; "store": the next one is
	from              int    // the first argument that may be word
}

// positions are the arguments that are keys: first, first+step, … up to last, and those in [from,
// to).
type positions struct{ first, last, step, from, to int }

func (p positions) have(i int) bool {
	return p.from <= i && i < p.to || p.first > 0 && p.first <= i && i <= p.last && (i-p.first)%p.step == 0
}

// among returns the positions of the keys in args. If args do not fit count or word, it leaves
// those keys out, since a wrong position would show a value.
func (k keys) among(args []any) positions {
	p := positions{first: k.first, last: k.last, step: k.step}
	if k.last < 0 {
		p.last += len(args)
	}
	if k.count > 0 && k.count < len(args) {
		rest := args[k.count+1:]
		if n := number(args[k.count]); 0 < n && n <= len(rest) {
			p.from = k.count + 1
			p.to = p.from + n
		}
	}
	if k.word == "" {
		return p
	}
	for i := k.from; i+1 < len(args); i++ {
		switch rest := len(args) - (i + 1); {
		case k.word == "store" && (IsWord(args[i], "by") || IsWord(args[i], "get")):
			i++ // a pattern, which may be any word
		case k.word == "streams" && IsWord(args[i], "streams"):
			if rest%2 == 0 {
				p.from = i + 1
				p.to = p.from + rest/2
			}
			return p
		case k.word == "store" && (IsWord(args[i], "store") || IsWord(args[i], "storedist")):
			p.from, p.to = i+1, i+2 // of several, the last one counts
		}
	}
	return p
}

// number returns arg as a count of keys, or 0 if it is not a number.
func number(arg any) (n int) {
	switch arg := arg.(type) {
	case int:
		n = arg
	case int64:
		n = int(max(-1, min(arg, math.MaxInt32)))
	case string:
		n, _ = strconv.Atoi(arg[:min(len(arg), 20)])
	}
	return n
}

// arg returns argument i, or nil if there are fewer.
func arg(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

// IsWord reports whether arg is word, in any case. word is in lower case.
func IsWord(arg any, word string) bool {
	switch arg := arg.(type) {
	case string:
		return len(arg) == len(word) && strings.EqualFold(arg, word)
	case []byte:
		return len(arg) == len(word) && strings.EqualFold(string(arg), word)
	}
	return false
}
