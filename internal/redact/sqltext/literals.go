// Package sqltext redacts SQL text: [HideLiterals] all literals of a statement, [HideCredentials]
// whatever may be a credential.
package sqltext

import (
	"slices"
	"strings"

	sqllexer "github.com/DataDog/go-sqllexer"
	"github.com/gaptrace/gaptrace/internal/redact"
)

// inspected is how many bytes of a statement are read, which bounds the work: four times what a
// span keeps of it.
const inspected = 4 * redact.MaxValue

// HideLiterals replaces every literal in statement by a question mark, as contrib/sql documents.
// dbType decides whether text in double quotes is a name.
func HideLiterals(statement, dbType string) string {
	names := quotesNames(dbType)
	return hide(bound(statement), &hider{quotedNames: names, hashes: names || dbType == "sqlserver" || dbType == "mssql"})
}

// quotesNames reports whether text in double quotes is a name in this type of database.
func quotesNames(dbType string) bool {
	switch dbType {
	case "postgres", "postgresql", "pgx", "cockroach":
		return true
	}
	return false
}

func bound(statement string) string {
	if len(statement) > inspected {
		return statement[:inspected] + redact.CutMark
	}
	return statement
}

// hide writes s without its literals. The lexer does not know the dialect, so nothing may leak if
// it misreads: where dialects differ, the text ends.
func hide(s string, h *hider) string {
	lexer := sqllexer.New(s)
	for at := 0; at < len(s); {
		token := lexer.Scan()
		kind, text := token.Type, token.Value
		if text == "" || !strings.HasPrefix(s[at:], text) { // the lexer takes a NUL for the end
			return h.rest()
		}
		at += len(text)
		if over := h.overrun(kind, text, s[at:]); over > 0 {
			at -= over
			text = text[:len(text)-over]
			lexer = sqllexer.New(s[at:])
		}
		written := len(h.text)
		if h.credentials != nil && !h.credentials.admit(h, kind, text, s[at:]) || !h.token(kind, text) {
			return h.rest()
		}
		if h.credentials != nil {
			h.text = h.credentials.keep(h.text, written, kind)
		}
		h.last = kind
	}
	return string(h.text)
}

// overrun returns by how many bytes a token is too long. If no space is between them, the lexer
// takes a comment or a quote for part of the name or operator before it.
func (h *hider) overrun(kind sqllexer.TokenType, text, rest string) int {
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
		if h.credentials != nil {
			stop(strings.IndexByte(text, '$')) // BY$1
		}
	}
	return len(text) - end
}

// hider holds the text written so far, and the state that decides how it goes on.
type hider struct {
	text        []byte
	quotedNames bool               // text in double quotes is a name
	credentials *credentials       // the rules for a statement with credentials; nil: only literals are redacted
	last        sqllexer.TokenType // of the previous token
	word        string             // the previous word, if only spaces came since
	identified  bool               // IDENTIFIED was read: BY or REPLACE may follow
	ticked      bool               // in a name, in dialects that quote names with backquotes
	bracketed   bool               // in a name, in dialects that quote names with brackets
	hashed      bool               // in a comment, in dialects where # begins one
	hashes      bool               // # begins no comment in this dialect
	closed      bool               // the previous token ended with ]
}

// token writes one token, or a question mark for it. It returns false if no more may be shown.
func (h *hider) token(kind sqllexer.TokenType, text string) bool {
	closed := h.closed
	h.closed = strings.HasSuffix(text, "]")
	if strings.HasPrefix(text, "]]") || closed && strings.HasPrefix(text, "]") {
		if !h.quotedNames {
			return false // in SQL Server, the name in brackets goes on
		}
	}
	switch kind {
	case sqllexer.STRING, sqllexer.QUOTED_IDENT, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT, sqllexer.JSON_OP:
	default:
		if strings.Contains(text, "#") && !h.hashes {
			return false // in MySQL, a comment has begun
		}
	}
	switch kind {
	case sqllexer.SPACE:
		h.hashed = h.hashed && !strings.Contains(text, "\n")
		h.text = append(h.text, text...)
		return true
	case sqllexer.COMMENT:
		// Some dialects end it at a carriage return, and some require a space after the dashes.
		return !strings.ContainsAny(text, "'\"`$") && !strings.Contains(text, "/*")
	case sqllexer.MULTILINE_COMMENT:
		// Some dialects nest comments, and some execute the text in /*! and /*M!.
		h.text = append(h.text, ' ')
		return !h.disputed(text) && !strings.Contains(text[2:], "/*") && !strings.HasPrefix(text, "/*!") && !strings.HasPrefix(text, "/*M!")
	case sqllexer.STRING:
		if h.disputed(text) || h.oracleQuote() {
			return false
		}
		h.literal()
	case sqllexer.DOLLAR_QUOTED_STRING, sqllexer.DOLLAR_QUOTED_FUNCTION:
		if tag, _, _ := strings.Cut(text[1:], "$"); h.disputed(text) || strings.ContainsAny(tag, "'\"`") {
			return false // $a, 'x', $b: these are parameters
		}
		h.literal()
	case sqllexer.QUOTED_IDENT:
		switch {
		case h.disputed(text):
			return false
		case h.quotedNames:
			h.text = append(h.text, text...)
		default:
			h.literal()
		}
	case sqllexer.NUMBER:
		if text[0] == '-' || text[0] == '+' { // may be an operator
			h.text = append(h.text, text[0])
		}
		h.literal()
		return !strings.HasSuffix(text, "-") && !strings.HasSuffix(text, "+") // 1e-- may end with a comment
	case sqllexer.BOOLEAN:
		h.literal()
	case sqllexer.BIND_PARAMETER:
		if len(text) > 1 && text[0] == '@' && '0' <= text[1] && text[1] <= '9' { // an operator, and a number
			h.text = append(h.text, '@')
			h.literal()
			break
		}
		h.name(kind, text)
		return true
	case sqllexer.ERROR, sqllexer.INCOMPLETE_STRING: // a literal or comment that does not end
		return false
	case sqllexer.OPERATOR, sqllexer.JSON_OP, sqllexer.WILDCARD, sqllexer.PUNCTUATION, sqllexer.UNKNOWN:
		h.ticked = h.ticked != (text == "`")
		h.bracketed = text == "[" || h.bracketed && text != "]"
		h.hashed = h.hashed || strings.Contains(text, "#")
		h.text = append(h.text, text...)
	default:
		if isAny(text, "TRUE", "FALSE") { // the lexer takes it for a name if an operator follows directly
			h.literal()
			break
		}
		h.hashed = h.hashed || strings.Contains(text, "#")
		h.name(kind, text)
		return true
	}
	h.word = ""
	return true
}

// name writes a keyword or a name, or a question mark if it is a literal after all.
func (h *hider) name(kind sqllexer.TokenType, text string) {
	switch {
	case kind == sqllexer.IDENT && h.last == sqllexer.NUMBER: // the end of 1_000 or 0b101, which the lexer splits
	case h.identified && (strings.EqualFold(h.word, "BY") || strings.EqualFold(h.word, "REPLACE")):
		h.literal() // Oracle's passwords need no quotes
	default:
		h.text = append(h.text, text...)
	}
	h.word = text
	h.identified = h.identified || strings.EqualFold(text, "IDENTIFIED")
}

func (h *hider) literal() {
	if h.last != sqllexer.QUOTED_IDENT || h.quotedNames { // "one""two" is a single literal
		h.text = append(h.text, '?')
	}
}

func isAny(word string, others ...string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return strings.EqualFold(word, other) })
}

// rest returns the final text if no more of the statement may be shown.
func (h *hider) rest() string {
	if h.credentials != nil {
		return h.credentials.rest(h.text)
	}
	h.literal()
	return string(h.text)
}

// disputed reports whether dialects disagree about where a literal or comment ends.
func (h *hider) disputed(text string) bool {
	return strings.Contains(text, `\'`) || strings.Contains(text, `\"`) ||
		h.ticked && strings.Contains(text, "`") ||
		h.bracketed && strings.Contains(text, "]") ||
		h.hashed && strings.Contains(text, "\n")
}

// oracleQuote reports whether a literal like q'[it's]' begins. The lexer cannot find its end.
func (h *hider) oracleQuote() bool {
	return h.last == sqllexer.IDENT && (strings.EqualFold(h.word, "q") || strings.EqualFold(h.word, "nq"))
}
