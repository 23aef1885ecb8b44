package driver

import "bytes"

// dropBodies overwrites the bodies of functions, and the elements of composite literals, with
// spaces. The types of a package do not depend on them. Line numbers stay the same. This halves the
// time to parse and check a package.
//
// Only declarations that begin a line are found, as gofmt writes them.
func dropBodies(source []byte) {
	l := lexer{source: source}
	for depth := 0; ; {
		word := l.next()
		if word == nil {
			return
		}
		var start, end int
		if first := l.at - len(word); depth == 0 && (first == 0 || source[first-1] == '\n') {
			switch string(word) {
			case "func":
				start, end = l.body()
			case "var":
				start, end = l.elements(&depth)
			}
		}
		depth += nesting(word)
		for i := start; i < end; i++ {
			if source[i] != '\n' {
				source[i] = ' '
			}
		}
	}
}

// nesting returns how a token changes the depth of brackets.
func nesting(word []byte) int {
	if len(word) == 0 {
		return 0
	}
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
			return l.braces()
		}
		depth += nesting(word)
		before = string(word)
	}
}

// elements reads a variable's declaration up to the elements of a composite literal, and returns
// where they are. end is 0 if the type may depend on them, as that of [...]int{1, 2} does, or if
// another brace may come first. depth is the depth of brackets.
func (l *lexer) elements(depth *int) (start, end int) {
	assigned, before := false, ""
	for {
		word := string(l.next())
		switch {
		case word == "", *depth == 0 && word == "\n":
			return 0, 0
		case word == "=":
			assigned = true
		case assigned && *depth == 0 && word == "{":
			return l.braces()
		}
		*depth += nesting([]byte(word))
		switch {
		case !assigned && word == "(":
			return 0, 0 // a group of variables
		case assigned && (word == "(" || word == "struct" || word == "interface" || word == "func"),
			word == "." && before == ".":
			return 0, 0
		}
		before = word
	}
}

// braces reads up to the brace that closes the last one, and returns what is between them.
func (l *lexer) braces() (start, end int) {
	start = l.at
	for inside := 1; inside > 0; {
		word := l.next()
		if word == nil {
			return 0, 0
		}
		inside += nesting(word)
	}
	return start, l.at - 1
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
