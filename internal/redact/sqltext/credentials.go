package sqltext

import (
	"bytes"
	"regexp"
	"strings"

	sqllexer "github.com/DataDog/go-sqllexer"
	"github.com/gaptrace/gaptrace/internal/redact"
)

// Statement returns statement as a span may show it. It returns most statements unchanged. If one
// has a word of package redact's table, or a URL with a secret, it loses its literals, and its
// names after them. So does a statement of more than 16 KiB, which is not read to its end.
func Statement(statement, dbType string) string {
	text, mark := redact.Truncate(statement)
	marked, postgres := redact.MarkedSQL, quotesNames(dbType)
	if postgres {
		marked = redact.MarkedPostgres
	}
	if mark == "" && !marked(text) {
		return statement
	}
	return write(text+mark, &writer{quotedNames: postgres, hashes: true, rules: &credentialRules{}})
}

// credentialRules decides which tokens of a statement may be shown. Which literal is the
// credential, and even where a literal ends, depends on the dialect, which is not known. So the
// rules hold for any dialect:
//
//   - After the first literal, only keywords are shown. So no text leaks if a dialect ends that
//     literal elsewhere.
//   - After a credential word, the text goes on only if a value comes next, or a word that may
//     follow a column's name. PASSWORD hunter2 ends the text.
//   - If dialects disagree about a quote or a comment, the text ends before the first literal.
type credentialRules struct {
	awaits       expectation
	exec         bool // EXEC was read: SQL Server needs no quotes around its arguments
	keywordsOnly bool // from now on: a literal was read, or a word after which a credential needs no quotes
	safe         int  // how many bytes of the text were written before that
}

// expectation is what must follow a credential word for the text to go on.
type expectation uint8

const (
	anything   expectation = iota
	valueOrEnd             // PASSWORD 'x', PASSWORD = 'x'; or SELECT password FROM
	value                  // PASSWORD = 'x'
	parameter              // PASSWORD = :x
)

// valuesFrom are the words after which a credential may stand anywhere, quoted or not.
var valuesFrom = []string{"IDENTIFIED", "PRAGMA", "ATTACH"}

// columnEnds are the words, types among them, that may follow the name of a column or a table.
var columnEnds = strings.Fields(`
	ADD ALTER AND AS ASC BETWEEN CROSS DEFAULT DESC DROP ELSE END EXCEPT FROM FULL GROUP HAVING
	ILIKE IN INNER INTERSECT IS JOIN LEFT LIKE LIMIT NATURAL NOT NULL OFFSET ON OR ORDER OUTER
	RENAME RETURNING RIGHT SELECT SET THEN UNION UNIQUE VALUES WHEN WHERE

	BIGINT BINARY BLOB BOOLEAN BYTEA CHAR INT INTEGER JSON JSONB LONGTEXT MEDIUMTEXT NVARCHAR STRING
	TEXT TIMESTAMP TIMESTAMPTZ UUID VARBINARY VARCHAR`)

// keywords are shown after a literal, besides those that the lexer knows.
var keywords = strings.Fields(`
	CREDENTIALS FOR LOGIN OPTIONS PUBLICATION REQUIRE ROLE SECRETS SERVER SSL TO TOKENS UNTIL USER
	VALID`)

// admit reports whether the text may go on with this token, shown or as a question mark. rest is
// the statement after the token.
func (c *credentialRules) admit(w *writer, kind sqllexer.TokenType, text, rest string) bool {
	switch kind {
	case sqllexer.SPACE, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
		return true
	case sqllexer.QUOTED_IDENT:
		if w.quotedNames && plainName.MatchString(text) {
			return c.admitName(w, text, rest)
		}
		fallthrough
	case sqllexer.STRING, sqllexer.DOLLAR_QUOTED_STRING, sqllexer.DOLLAR_QUOTED_FUNCTION:
		c.literalRead(w)
		// BigQuery has strings in three quotes.
		return !strings.HasPrefix(text, "'''") && !strings.HasPrefix(text, `"""`) && literalEnds.MatchString(rest)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 || r == '\\' || r == '#' }) {
		return false // may be a Unicode quote or space, or a MySQL comment
	}
	if c.keywordsOnly {
		return true
	}
	switch kind {
	case sqllexer.NUMBER, sqllexer.BOOLEAN:
		if c.awaits != anything {
			c.literalRead(w)
		}
		return true
	case sqllexer.BIND_PARAMETER, sqllexer.POSITIONAL_PARAMETER, sqllexer.SYSTEM_VARIABLE:
		return c.admitParameter(rest)
	case sqllexer.OPERATOR, sqllexer.JSON_OP, sqllexer.WILDCARD, sqllexer.PUNCTUATION, sqllexer.UNKNOWN:
		return c.admitSign(text, rest)
	}
	return c.admitName(w, text, rest)
}

func (c *credentialRules) literalRead(w *writer) {
	if !c.keywordsOnly {
		c.keywordsOnly, c.safe = true, len(w.text)
	}
	c.awaits = anything
}

var (
	plainName   = regexp.MustCompile(`^"[A-Za-z_][A-Za-z0-9_]*"(?:\."[A-Za-z_][A-Za-z0-9_]*")*$`)
	literalEnds = regexp.MustCompile(`^(?:$|[\s,;).@]|::|\|\|)`)
	nameEnds    = regexp.MustCompile(`^(?:$|[\s,;()]|::|--|/\*)`)
)

func (c *credentialRules) admitParameter(rest string) bool {
	complete := c.awaits == anything || nameEnds.MatchString(rest)
	c.awaits = anything
	return complete
}

// admitSign is admit for operators and punctuation. The lexer may return several operators as one.
func (c *credentialRules) admitSign(text, rest string) bool {
	switch {
	case c.awaits == anything, text == "`", text == "[", text == "]":
		return true
	case text == "," || text == ")" || text == ";":
		mayEnd := c.awaits == valueOrEnd
		c.awaits = anything
		return mayEnd
	case text == "(":
		if c.awaits == valueOrEnd { // a table's columns, or a function's arguments
			c.awaits = anything
		}
		return true
	case text == "::":
		return c.awaits == valueOrEnd // and a type follows
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

func (c *credentialRules) admitName(w *writer, text, rest string) bool {
	if c.keywordsOnly {
		return true
	}
	if isAny(text, valuesFrom...) {
		c.keywordsOnly, c.safe = true, len(w.text)+len(text)
		return true
	}
	if c.awaits == parameter {
		return c.admitParameter(rest)
	}
	c.exec = c.exec || isAny(text, "EXEC", "EXECUTE")
	if redact.IsCredential(text) {
		if c.exec || len(text) > 3 && isAny(text[:3], "sp_", "xp_") { // a batch may begin with a procedure's name
			c.keywordsOnly, c.safe = true, len(w.text)+len(text)
		}
		c.awaits = max(c.awaits, valueOrEnd)
		return true
	}
	switch {
	case c.awaits == anything:
	case isAny(text, "BY", "TO", "USING"):
		c.awaits = value
	case c.awaits == value && isAny(text, "ALL", "ANY", "SOME") && strings.HasPrefix(rest, "("):
	case isAny(text, "N", "E", "B", "X", "R") && strings.HasPrefix(rest, "'"): // a literal's prefix
	case !nameEnds.MatchString(rest):
		return false
	case strings.EqualFold(text, "NULL"),
		c.awaits == valueOrEnd && (isAny(text, columnEnds...) || len(text) <= 2): // an alias
		c.awaits = anything
	default:
		return false
	}
	return true
}

// keep returns text, which ends with the token that begins at written. It replaces the token by a
// question mark if it may not be shown. Of several question marks in a row, it keeps one.
func (c *credentialRules) keep(text []byte, written int, kind sqllexer.TokenType) []byte {
	if !c.keywordsOnly || len(text) <= c.safe {
		return text
	}
	token := string(text[written:])
	switch kind {
	case sqllexer.COMMAND, sqllexer.KEYWORD, sqllexer.NULL, sqllexer.PROC_INDICATOR, sqllexer.CTE_INDICATOR,
		sqllexer.ALIAS_INDICATOR, sqllexer.SPACE, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
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

// cutOff returns text, and a question mark for the rest of the statement.
func (c *credentialRules) cutOff(text []byte) string {
	if c.keywordsOnly {
		text = text[:min(c.safe, len(text))]
	}
	return strings.TrimRight(string(text), " \t\r\n") + " ?"
}
