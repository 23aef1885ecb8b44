package driver

import "bytes"

// dropBodies overwrites the bodies of functions in source with spaces. Lines stay where they are. A
// body is not needed to know the types of a package, and takes half of the time to parse it.
//
// Only functions that begin a line are found, as gofmt writes them: a literal of functions, such as
// [...]func(){f, g}, must stay.
func dropBodies(source []byte) {
	l := lexer{source: source}
	for depth := 0; ; {
		word := l.next()
		switch {
		case word == nil:
			return
		case depth == 0 && string(word) == "func" && (l.at == len("func") || source[l.at-len("func")-1] == '\n'):
			if start, end := l.body(); end > 0 {
				for i, c := range source[start:end] {
					if c != '\n' {
						source[start+i] = ' '
					}
				}
			}
		default:
			depth += nesting(word)
		}
	}
}

// nesting returns how a token changes the depth of brackets.
func nesting(word []byte) int {
	switch word[0] {
	case '(', '[', '{':
		return 1
	case ')', ']', '}':
		return -1
	}
	return 0
}

// lexer splits source code into words, line ends and other bytes. It skips comments, and what is in
// quotes.
type lexer struct {
	source []byte
	at     int
}

// body reads the rest of a function after the word func. It returns where the body starts and ends,
// without its braces; end is 0 if there is no body.
func (l *lexer) body() (start, end int) {
	before := ""
	for depth := 0; ; {
		word := l.next()
		switch {
		case word == nil:
			return 0, 0
		case depth == 0 && word[0] == '\n':
			return 0, 0
		case depth == 0 && word[0] == '{' && before != "struct" && before != "interface":
			start = l.at
			for inside := 1; inside > 0; inside += nesting(word) {
				if word = l.next(); word == nil {
					return 0, 0
				}
			}
			return start, l.at - 1
		}
		depth += nesting(word)
		before = string(word)
	}
}

// next returns the next word or byte that is neither a space nor in a comment or quotes. It returns
// nil at the end.
func (l *lexer) next() []byte {
	s := l.source
	for l.at < len(s) {
		start := l.at
		switch c := s[start]; {
		case c == ' ' || c == '\t' || c == '\r':
			l.at++
		case bytes.HasPrefix(s[start:], []byte("//")):
			l.skip(start, "\n")
			if l.at < len(s) {
				l.at-- // the line end is a token
			}
		case bytes.HasPrefix(s[start:], []byte("/*")):
			l.skip(start+2, "*/")
		case c == '`':
			l.skip(start+1, "`")
		case c == '"' || c == '\'':
			for l.at++; l.at < len(s) && s[l.at] != c && s[l.at] != '\n'; l.at++ {
				if s[l.at] == '\\' {
					l.at++
				}
			}
			l.at = min(l.at+1, len(s))
		case isLetter(c):
			for l.at < len(s) && isLetter(s[l.at]) {
				l.at++
			}
			return s[start:l.at]
		default:
			l.at++
			return s[start:l.at]
		}
	}
	return nil
}

// skip moves to the end of text, which it looks for from a position.
func (l *lexer) skip(from int, text string) {
	i := bytes.Index(l.source[from:], []byte(text))
	if i < 0 {
		l.at = len(l.source)
		return
	}
	l.at = from + i + len(text)
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c >= 0x80
}
