// Package sqltext redacts SQL statements, and errors that may repeat them. [Statement] redacts
// credentials; [HideLiterals] redacts all literals.
package sqltext

import (
	"slices"
	"strings"

	sqllexer "github.com/DataDog/go-sqllexer"
	"github.com/gaptrace/gaptrace/internal/redact"
)

// HideLiterals replaces every literal in statement by a question mark, as contrib/sql documents.
// dbType decides whether text in double quotes is a name.
func HideLiterals(statement, dbType string) string {
	names := quotesNames(dbType)
	text, mark := redact.Truncate(statement)
	return write(text+mark, &writer{quotedNames: names, hashes: names || dbType == "sqlserver" || dbType == "mssql"})
}

// quotesNames reports whether text in double quotes is a name in this type of database.
func quotesNames(dbType string) bool {
	switch dbType {
	case "postgres", "postgresql", "pgx", "cockroach":
		return true
	}
	return false
}

// write returns s without its literals. The lexer does not know the dialect, so it may misread s.
// So that nothing leaks, the text ends when dialects differ.
func write(s string, w *writer) string {
	lexer := sqllexer.New(s)
	for at := 0; at < len(s); {
		token := lexer.Scan()
		kind, text := token.Type, token.Value
		if text == "" || !strings.HasPrefix(s[at:], text) { // the lexer takes a NUL for the end
			return w.cutOff()
		}
		at += len(text)
		if over := w.overrun(kind, text, s[at:]); over > 0 {
			at -= over
			text = text[:len(text)-over]
			lexer = sqllexer.New(s[at:])
		}
		written := len(w.text)
		if w.rules != nil && !w.rules.admit(w, kind, text, s[at:]) || !w.token(kind, text) {
			return w.cutOff()
		}
		if w.rules != nil {
			w.text = w.rules.keep(w.text, written, kind)
		}
		w.last = kind
	}
	return string(w.text)
}

// overrun returns by how many bytes a token is too long. The lexer takes a comment or a quote for
// part of the name or operator before it, if no space is between them.
func (w *writer) overrun(kind sqllexer.TokenType, text, rest string) int {
	end := len(text)
	stop := func(at int) {
		if at > 0 {
			end = min(end, at)
		}
	}
	switch kind {
	case sqllexer.OPERATOR:
		stop(strings.Index(text, "/*"))
		stop(strings.Index(text, "--"))
	case sqllexer.IDENT, sqllexer.FUNCTION:
		stop(strings.IndexByte(text, '"'))
		stop(strings.Index(text, "/*"))
		if strings.HasSuffix(text, "/") && strings.HasPrefix(rest, "*") {
			stop(len(text) - 1)
		}
		if len(text) > 1 { // an operator or a dollar quote directly after a name: price/100, v@@$$text$$
			stop(1 + strings.IndexAny(text[1:], "?#/@!"))
			stop(1 + strings.Index(text[1:], "$$"))
		}
		if w.rules != nil {
			stop(strings.IndexByte(text, '$')) // BY$1
		}
	}
	return len(text) - end
}

// writer holds the text written so far, and the state that decides how it goes on.
type writer struct {
	text        []byte
	quotedNames bool               // text in double quotes is a name
	rules       *credentialRules   // for a statement that may hold a credential; nil: only literals are redacted
	last        sqllexer.TokenType // of the previous token
	word        string             // the previous word, if only spaces came since
	identified  bool               // IDENTIFIED was read: BY or REPLACE may follow
	ticked      bool               // in a name, in dialects that quote names with backquotes
	bracketed   bool               // in a name, in dialects that quote names with brackets
	hashed      bool               // in a comment, in dialects where # begins one
	hashes      bool               // a # may stay: it begins no comment in this dialect, or rules check it
	closed      bool               // the previous token ended with ]
}

// token writes one token, or a question mark for it. It returns false if no more may be shown.
func (w *writer) token(kind sqllexer.TokenType, text string) bool {
	if w.ambiguous(kind, text) {
		return false
	}
	switch kind {
	case sqllexer.SPACE:
		w.hashed = w.hashed && !strings.Contains(text, "\n")
		w.text = append(w.text, text...)
		return true
	case sqllexer.COMMENT:
		// Some dialects end it at a carriage return, and some require a space after the dashes.
		return !strings.ContainsAny(text, "'\"`$") && !strings.Contains(text, "/*")
	case sqllexer.MULTILINE_COMMENT:
		// Some dialects nest comments, and some execute the text in /*! and /*M!.
		w.text = append(w.text, ' ')
		executed := strings.HasPrefix(text, "/*!") || strings.HasPrefix(text, "/*M!")
		return !executed && !w.disputed(text) && !strings.Contains(text[2:], "/*")
	case sqllexer.STRING, sqllexer.DOLLAR_QUOTED_STRING, sqllexer.DOLLAR_QUOTED_FUNCTION, sqllexer.QUOTED_IDENT:
		if w.disputed(text) || !w.quoted(kind, text) {
			return false
		}
	case sqllexer.NUMBER:
		if text[0] == '-' || text[0] == '+' { // may be an operator
			w.text = append(w.text, text[0])
		}
		w.literal()
		return !strings.HasSuffix(text, "-") && !strings.HasSuffix(text, "+") // 1e-- may end with a comment
	case sqllexer.ERROR, sqllexer.INCOMPLETE_STRING: // a literal or comment that does not end
		return false
	case sqllexer.OPERATOR, sqllexer.JSON_OP, sqllexer.WILDCARD, sqllexer.PUNCTUATION, sqllexer.UNKNOWN:
		w.ticked = w.ticked != (text == "`")
		w.bracketed = text == "[" || w.bracketed && text != "]"
		w.hashed = w.hashed || strings.Contains(text, "#")
		w.text = append(w.text, text...)
	default:
		w.name(kind, text)
		return true
	}
	w.word = ""
	return true
}

// ambiguous reports whether another dialect may read the statement differently from this token on.
func (w *writer) ambiguous(kind sqllexer.TokenType, text string) bool {
	closed := w.closed
	w.closed = strings.HasSuffix(text, "]")
	if !w.quotedNames && (strings.HasPrefix(text, "]]") || closed && strings.HasPrefix(text, "]")) {
		return true // in SQL Server, the name in brackets goes on
	}
	switch kind {
	case sqllexer.STRING, sqllexer.QUOTED_IDENT, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT, sqllexer.JSON_OP:
		return false
	}
	return !w.hashes && strings.Contains(text, "#") // in MySQL, a comment has begun
}

// quoted writes a token in quotes. It returns false if its end is not known.
func (w *writer) quoted(kind sqllexer.TokenType, text string) bool {
	switch kind {
	case sqllexer.QUOTED_IDENT:
		if w.quotedNames {
			w.text = append(w.text, text...)
			return true
		}
	case sqllexer.STRING:
		if w.oracleQuote() {
			return false
		}
	default:
		if tag, _, _ := strings.Cut(text[1:], "$"); strings.ContainsAny(tag, "'\"`") {
			return false // $a, 'x', $b: these are parameters
		}
	}
	w.literal()
	return true
}

// name writes a keyword, a name or a parameter, or a question mark if it is a literal after all.
func (w *writer) name(kind sqllexer.TokenType, text string) {
	w.hashed = w.hashed || strings.Contains(text, "#")
	word := text
	switch {
	case isAny(text, "TRUE", "FALSE"): // the lexer takes it for a name if an operator follows directly
		w.literal()
		word = ""
	case kind == sqllexer.BIND_PARAMETER && len(text) > 1 && text[0] == '@' && '0' <= text[1] && text[1] <= '9':
		w.text = append(w.text, '@') // an operator, and a number
		w.literal()
		word = ""
	case kind == sqllexer.IDENT && w.last == sqllexer.NUMBER: // the end of 1_000 or 0b101, which the lexer splits
	case w.identified && isAny(w.word, "BY", "REPLACE"):
		w.literal() // Oracle's passwords need no quotes
	default:
		w.text = append(w.text, text...)
	}
	w.word = word
	w.identified = w.identified || strings.EqualFold(text, "IDENTIFIED")
}

func (w *writer) literal() {
	if w.last != sqllexer.QUOTED_IDENT || w.quotedNames { // "one""two" is a single literal
		w.text = append(w.text, '?')
	}
}

func isAny(word string, others ...string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return strings.EqualFold(word, other) })
}

// cutOff returns the text written so far, and a question mark for the rest of the statement.
func (w *writer) cutOff() string {
	if w.rules != nil {
		return w.rules.cutOff(w.text)
	}
	w.literal()
	return string(w.text)
}

// disputed reports whether dialects disagree about where a literal or comment ends.
func (w *writer) disputed(text string) bool {
	return strings.Contains(text, `\'`) || strings.Contains(text, `\"`) ||
		w.ticked && strings.Contains(text, "`") ||
		w.bracketed && strings.Contains(text, "]") ||
		w.hashed && strings.Contains(text, "\n")
}

// oracleQuote reports whether the next literal is one of Oracle's, such as q'[it's]'. The lexer
// cannot find its end.
func (w *writer) oracleQuote() bool {
	return w.last == sqllexer.IDENT && isAny(w.word, "q", "nq")
}
