package sqltext

import (
	"bytes"
	"regexp"
	"strings"

	sqllexer "github.com/DataDog/go-sqllexer"
	"github.com/gaptrace/gaptrace/internal/redact"
)

// HideCredentials returns statement as a span may show it. A statement with a word of package redact's table, or with
// a URL that holds a secret, is shown without its literals, and without names where a credential may stand that is no
// literal. Any other is shown as it is.
func HideCredentials(statement, dbType string) string {
	statement = bound(statement)
	if !redact.MarkedSQL(statement) {
		return statement
	}
	return hide(statement, &hider{quotedNames: quotesNames(dbType), hashes: true, credentials: &credentials{}})
}

// credentials decides which tokens of a statement may be shown. To find out which literal is the credential would take
// the grammars of all dialects, and even where a literal ends depends on the dialect. So it trusts nothing:
//
//   - After the first literal, only keywords are shown: a literal that another dialect would end elsewhere shows nothing.
//   - After a credential word, only a value or what ends the thought is harmless: PASSWORD hunter2 ends the text.
//   - Where dialects disagree about a quote or a comment, the text ends before the first literal.
type credentials struct {
	awaits expectation
	values bool // a literal has come: from now on only keywords are shown
	safe   int  // how much of the text was written before that
}

// expectation is what must follow a credential word for the text to go on.
type expectation uint8

const (
	anything   expectation = iota
	valueOrEnd             // PASSWORD 'x', PASSWORD = 'x'; or SELECT password FROM
	value                  // PASSWORD = 'x'
	parameter              // PASSWORD = :x
)

// valuesFrom are the words after which a credential may stand anywhere, in quotes or not.
var valuesFrom = []string{"IDENTIFIED", "PRAGMA", "ATTACH"}

// columnEnds are the words that may follow a column's name.
var columnEnds = strings.Fields(`AND AS ASC BETWEEN CROSS DESC FROM FULL GROUP HAVING IN INNER IS JOIN LEFT LIKE LIMIT NATURAL NOT NULL
	ON OR ORDER RETURNING RIGHT SET UNION VALUES WHERE`)

// keywords are shown after a literal, besides those that the lexer knows.
var keywords = strings.Fields(`CREDENTIALS FOR LOGIN OPTIONS PUBLICATION REQUIRE ROLE SECRETS SERVER SSL TO TOKENS UNTIL USER VALID`)

// admit reports whether a token, which rest follows, may be shown, or what stands for it.
func (c *credentials) admit(h *hider, kind sqllexer.TokenType, text, rest string) bool {
	switch kind {
	case sqllexer.SPACE, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
		return true
	case sqllexer.QUOTED_IDENT:
		if h.quotedNames && plainName.MatchString(text) {
			return c.admitName(h, text, rest)
		}
		fallthrough
	case sqllexer.STRING, sqllexer.DOLLAR_QUOTED_STRING, sqllexer.DOLLAR_QUOTED_FUNCTION:
		c.value(h)
		// BigQuery has strings in three quotes.
		return !strings.HasPrefix(text, "'''") && !strings.HasPrefix(text, `"""`) && literalEnds.MatchString(rest)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 || r == '\\' || r == '#' }) {
		return false // quotes and spaces of Unicode's, comments of MySQL's
	}
	if c.values {
		return true
	}
	switch kind {
	case sqllexer.NUMBER, sqllexer.BOOLEAN:
		if c.awaits != anything {
			c.value(h)
		}
		return true
	case sqllexer.BIND_PARAMETER, sqllexer.POSITIONAL_PARAMETER, sqllexer.SYSTEM_VARIABLE:
		return c.admitParameter(rest)
	case sqllexer.OPERATOR, sqllexer.JSON_OP, sqllexer.WILDCARD, sqllexer.PUNCTUATION, sqllexer.UNKNOWN:
		return c.admitSign(text, rest)
	}
	return c.admitName(h, text, rest)
}

func (c *credentials) value(h *hider) {
	if !c.values {
		c.values, c.safe = true, len(h.text)
	}
	c.awaits = anything
}

var (
	plainName   = regexp.MustCompile(`^"[A-Za-z_][A-Za-z0-9_]*"(?:\."[A-Za-z_][A-Za-z0-9_]*")*$`)
	literalEnds = regexp.MustCompile(`^(?:$|[\s,;).@]|::|\|\|)`)
	nameEnds    = regexp.MustCompile(`^(?:$|[\s,;()]|::|--|/\*)`)
)

func (c *credentials) admitParameter(rest string) bool {
	known := c.awaits == anything || nameEnds.MatchString(rest)
	c.awaits = anything
	return known
}

// admitSign is about operators and punctuation. The lexer makes one operator of several.
func (c *credentials) admitSign(text, rest string) bool {
	switch {
	case c.awaits == anything, text == "`", text == "[", text == "]":
		return true
	case text == "," || text == ")" || text == ";":
		ends := c.awaits == valueOrEnd
		c.awaits = anything
		return ends
	case text == "(":
		if c.awaits == valueOrEnd { // the columns of a table, or arguments
			c.awaits = anything
		}
		return true
	case text == "::":
		return false
	}
	switch strings.TrimLeft(text, "=<>!") {
	case "":
		c.awaits = value
	case ":":
		c.awaits = parameter
	case ":=", ":=:":
		c.awaits = value
		if strings.HasSuffix(text, ":") {
			c.awaits = parameter
		}
	case "?":
		return c.admitParameter(strings.TrimLeft(rest, "0123456789"))
	default:
		return false
	}
	return true
}

func (c *credentials) admitName(h *hider, text, rest string) bool {
	if c.values {
		return true
	}
	if isAny(text, valuesFrom...) {
		c.values, c.safe = true, len(h.text)+len(text)
		return true
	}
	if c.awaits == parameter {
		return c.admitParameter(rest)
	}
	if redact.IsCredential(text) {
		c.awaits = max(c.awaits, valueOrEnd)
		return true
	}
	switch {
	case c.awaits == anything:
	case isAny(text, "BY", "USING"):
		c.awaits = value
	case isAny(text, "N", "E", "B", "X", "R") && strings.HasPrefix(rest, "'"): // of a literal
	case !nameEnds.MatchString(rest):
		return false
	case strings.EqualFold(text, "NULL"), c.awaits == valueOrEnd && (isAny(text, columnEnds...) || len(text) <= 2): // an alias
		c.awaits = anything
	default:
		return false
	}
	return true
}

// keep returns text, to which a token was written at the end, with a question mark for the token if it may not be
// shown. Of several question marks in a row it keeps one.
func (c *credentials) keep(text []byte, written int, kind sqllexer.TokenType) []byte {
	if !c.values || len(text) <= c.safe {
		return text
	}
	token := string(text[written:])
	switch kind {
	case sqllexer.COMMAND, sqllexer.KEYWORD, sqllexer.NULL, sqllexer.PROC_INDICATOR, sqllexer.CTE_INDICATOR, sqllexer.ALIAS_INDICATOR:
		return text
	case sqllexer.SPACE, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
		return text
	}
	if isAny(token, "(", ")", ",", ";", "=", ".") || isAny(token, keywords...) || redact.IsWord(token) {
		return text
	}
	text = text[:written]
	if before := bytes.TrimRight(text, " \t\r\n"); bytes.HasSuffix(before, []byte("?")) {
		return before
	}
	return append(text, '?')
}

// rest is text where no more may be shown.
func (c *credentials) rest(text []byte) string {
	if c.values {
		text = text[:min(c.safe, len(text))]
	}
	return strings.TrimRight(string(text), " \t\r\n") + " ?"
}
