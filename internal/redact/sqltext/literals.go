// Package sqltext redacts SQL text: all literals of a statement on request, and whatever may be a credential always.
package sqltext

import (
	"slices"
	"strings"

	sqllexer "github.com/DataDog/go-sqllexer"
	"github.com/gaptrace/gaptrace/internal/redact"
)

// Of a statement no more than this is looked at, four times what a span keeps of it, so that the
// work is bounded however long it is.
const inspected = 4 * redact.MaxValue

// HideLiterals replaces every literal in statement by a question mark, as contrib/sql documents. The type of the
// database says what its double quotes hold.
func HideLiterals(statement, dbType string) string {
	names := quotesNames(dbType)
	return hide(bound(statement), &hider{quotedNames: names, hashes: names || dbType == "sqlserver" || dbType == "mssql"})
}

// quotesNames reports whether what stands in double quotes is a name to a database.
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

// hide writes s without its literals. The lexer knows no dialect for sure, so its reading must not
// decide what is shown: where another dialect would read on differently, nothing more is.
func hide(s string, h *hider) string {
	lexer := sqllexer.New(s)
	for at := 0; at < len(s); {
		token := lexer.Scan()
		kind, text := token.Type, token.Value
		if text == "" || !strings.HasPrefix(s[at:], text) { // a NUL, which the lexer takes for the end
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

// overrun returns by how many bytes a token is too long: to the lexer a comment or a quote that
// follows a name or an operator without a space is part of it.
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
		if len(text) > 1 { // an operator, or a quote in dollars, right behind a name: price/100, v@@$$text$$
			stop(1 + strings.IndexAny(text[1:], "?#/@!"))
			stop(1 + strings.Index(text[1:], "$$"))
		}
		if h.credentials != nil {
			stop(strings.IndexByte(text, '$')) // BY$1
		}
	}
	return len(text) - end
}

// hider is the text as far as it is written, and what must be known of it to go on.
type hider struct {
	text        []byte
	quotedNames bool               // what stands in double quotes is a name
	credentials *credentials       // no credential may be shown, however it is written; nil: only literals are hidden
	last        sqllexer.TokenType // the token before
	word        string             // the word before, if nothing but space came since
	identified  bool               // IDENTIFIED has come, and its BY may
	ticked      bool               // in what is a name to those who know backquotes
	bracketed   bool               // in what is a name to those who know brackets
	hashed      bool               // in what is a comment to those who know # as one
	hashes      bool               // # is no comment
	closed      bool               // a bracket has closed right before
}

// token writes one token, or what stands for it. It reports false where no more may be shown.
func (h *hider) token(kind sqllexer.TokenType, text string) bool {
	closed := h.closed
	h.closed = strings.HasSuffix(text, "]")
	if strings.HasPrefix(text, "]]") || closed && strings.HasPrefix(text, "]") {
		if !h.quotedNames {
			return false // to SQL Server the name in brackets goes on
		}
	}
	switch kind {
	case sqllexer.STRING, sqllexer.QUOTED_IDENT, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT, sqllexer.JSON_OP:
	default:
		if strings.Contains(text, "#") && !h.hashes {
			return false // to MySQL a comment has begun
		}
	}
	switch kind {
	case sqllexer.SPACE:
		h.hashed = h.hashed && !strings.Contains(text, "\n")
		h.text = append(h.text, text...)
		return true
	case sqllexer.COMMENT:
		// Some end it at a carriage return, and to some it is none without a space behind the dashes.
		return !strings.ContainsAny(text, "'\"`$") && !strings.Contains(text, "/*")
	case sqllexer.MULTILINE_COMMENT:
		// Some nest comments, and some run what is in /*! and /*M!.
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
		if text[0] == '-' || text[0] == '+' { // an operator as likely as not
			h.text = append(h.text, text[0])
		}
		h.literal()
		return !strings.HasSuffix(text, "-") && !strings.HasSuffix(text, "+") // not 1e--, with a comment
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
		if isAny(text, "TRUE", "FALSE") { // with an operator right behind, which the lexer took for a name
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

// name writes a keyword or a name, or hides one that is a literal after all.
func (h *hider) name(kind sqllexer.TokenType, text string) {
	switch {
	case kind == sqllexer.IDENT && h.last == sqllexer.NUMBER: // the end of 1_000 or 0b101, which the lexer has split
	case h.identified && (strings.EqualFold(h.word, "BY") || strings.EqualFold(h.word, "REPLACE")):
		h.literal() // Oracle's passwords need no quotes
	default:
		h.text = append(h.text, text...)
	}
	h.word = text
	h.identified = h.identified || strings.EqualFold(text, "IDENTIFIED")
}

func (h *hider) literal() {
	if h.last != sqllexer.QUOTED_IDENT || h.quotedNames { // "one""two" is one
		h.text = append(h.text, '?')
	}
}

func isAny(word string, others ...string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return strings.EqualFold(word, other) })
}

// rest ends the text where no more may be shown.
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

// oracleQuote reports whether a literal like q'[it's]' begins, whose end the lexer does not know.
func (h *hider) oracleQuote() bool {
	return h.last == sqllexer.IDENT && (strings.EqualFold(h.word, "q") || strings.EqualFold(h.word, "nq"))
}
