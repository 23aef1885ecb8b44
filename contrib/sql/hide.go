package sql

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	sqllexer "github.com/DataDog/go-sqllexer"
	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// Of a statement no more than this is looked at, four times what a span keeps of it, so that the
// work is bounded however long it is.
const inspected = 16 << 10

// HideLiterals replaces every literal in statement by a question mark, for
// [gaptrace.WithStatement]: strings, numbers, TRUE and FALSE, but not NULL. Comments are dropped,
// since they may hold literals too. Where SQL's dialects disagree about what is a literal, as about
// a backslash before a quote, or whether # begins a comment, the rest of the statement becomes one question mark, and a
// statement of more than 16 KiB is cut. An error that the database answers is not rewritten: it may repeat a literal, or
// an argument. What stands in double quotes is a name to some databases and a string
// to others: it is left alone only if the [Target] that c tells is of the type postgres, postgresql,
// pgx or cockroach.
func HideLiterals(c gaptrace.Call, statement string) string {
	request, ok := c.Request.(*Request)
	dbType := ""
	if ok && request.Target != nil {
		dbType = request.Target.Type
	}
	return hide(bound(statement), hider{quotedNames: quotesNames(dbType), hashes: quotesNames(dbType) || dbType == "sqlserver" || dbType == "mssql"})
}

func quotesNames(dbType string) bool {
	switch dbType {
	case "postgres", "postgresql", "pgx", "cockroach":
		return true
	}
	return false
}

// hideSecrets hides all literals of a statement that speaks of passwords, and leaves others alone. To
// find out which literal is the password would take the grammars of all dialects. Where a password
// may come that is no literal, the rest is hidden.
func hideSecrets(statement string) string {
	statement = bound(statement)
	if speaksOfSecrets(statement) {
		return hide(statement, hider{secrets: true})
	}
	return statement
}

func speaksOfSecrets(statement string) bool {
	return speaksOfPasswords(statement) || mentions(statement, "identified", 6)
}

func speaksOfPasswords(s string) bool { return mentions(s, "password", 4) }

func bound(statement string) string {
	if len(statement) > inspected {
		return statement[:inspected] + spanutil.CutMark
	}
	return statement
}

// mentions reports whether word, which is in lower case, is in s in whatever case. It looks for the
// letter at rare first, which is why it should be.
func mentions(s, word string, rare int) bool {
	for _, letter := range [...]byte{word[rare], word[rare] - 'a' + 'A'} {
		for at := rare; at < len(s); at++ {
			next := strings.IndexByte(s[at:], letter)
			if next < 0 {
				break
			}
			at += next
			if from := at - rare; from+len(word) <= len(s) && strings.EqualFold(s[from:from+len(word)], word) {
				return true
			}
		}
	}
	return false
}

// hide writes s without its literals. The lexer knows no dialect for sure, so its reading must not
// decide what is shown: where another dialect would read on differently, nothing more is.
func hide(s string, h hider) string {
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
		if !h.token(kind, text) || h.secrets && h.bare(kind, text, s[at:]) {
			return h.rest()
		}
		h.last = kind
	}
	return h.text.String()
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
		if h.secrets {
			stop(strings.IndexByte(text, '$')) // BY$1
		}
	}
	return len(text) - end
}

// hider is the text as far as it is written, and what must be known of it to go on.
type hider struct {
	text        strings.Builder
	quotedNames bool               // what stands in double quotes is a name
	secrets     bool               // no password may be shown, however it is written
	last        sqllexer.TokenType // the token before
	word        string             // the word before, if nothing but space came since
	identified  bool               // IDENTIFIED has come, and its BY may
	listed      bool               // its BY has, and more passwords may behind each comma
	safe        int                // where a quoted password came, as far as text was surely none; 0: none came
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
		if strings.Contains(text, "#") && !h.secrets && !h.hashes {
			return false // to MySQL a comment has begun
		}
	}
	switch kind {
	case sqllexer.SPACE:
		h.hashed = h.hashed && !strings.Contains(text, "\n")
		h.text.WriteString(text)
		return true
	case sqllexer.COMMENT:
		// Some end it at a carriage return, and to some it is none without a space behind the dashes.
		return !strings.ContainsAny(text, "'\"`$") && !strings.Contains(text, "/*")
	case sqllexer.MULTILINE_COMMENT:
		// Some nest comments, and some run what is in /*! and /*M!.
		h.text.WriteByte(' ')
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
			h.text.WriteString(text)
		default:
			h.literal()
		}
	case sqllexer.NUMBER:
		if text[0] == '-' || text[0] == '+' { // an operator as likely as not
			h.text.WriteByte(text[0])
		}
		h.literal()
		return !strings.HasSuffix(text, "-") && !strings.HasSuffix(text, "+") // not 1e--, with a comment
	case sqllexer.BOOLEAN:
		h.literal()
	case sqllexer.BIND_PARAMETER:
		if len(text) > 1 && text[0] == '@' && '0' <= text[1] && text[1] <= '9' { // an operator, and a number
			h.text.WriteByte('@')
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
		h.text.WriteString(text)
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
		h.text.WriteString(text)
	}
	h.word = text
	h.identified = h.identified || strings.EqualFold(text, "IDENTIFIED")
}

func (h *hider) literal() {
	if h.last != sqllexer.QUOTED_IDENT || h.quotedNames { // "one""two" is one
		h.text.WriteByte('?')
	}
}

// What may follow a word like PASSWORD or BY, as it is written: a value, which is a placeholder or
// will be hidden, or what tells that the word was a column's name. Nothing else is harmless: not
// [hunter2], and not hunter2 behind a space of Unicode's.
var (
	value = regexp.MustCompile("^[\"`\\]]?\\s*(?:(?:=|:=|<>|!=|(?i:BY|USING)\\b)\\s*)?" +
		`(?:['"(]|\$\w*\$|(?:(?i:NULL)|\?\d*|\$\d+|[:@]\w+)(?:[\s,;)]|::|$))`)
	column = regexp.MustCompile("^[\"`\\]]?\\s*(?:$|[),;]|(?i:" +
		`AND|AS|ASC|BETWEEN|DESC|FROM|GROUP|HAVING|IN|IS|LIKE|LIMIT|NOT|NULL|ON|OR|ORDER|SET|VALUES|WHERE)(?:[\s(),;]|$))`)
	literalEnds = regexp.MustCompile(`^(?:$|[\s,;).@]|::|\|\|)`)
)

// bare reports whether what follows a token may be a password that is no literal, or the rest of one
// whose quotes were not escaped.
func (h *hider) bare(kind sqllexer.TokenType, text, rest string) bool {
	switch kind {
	case sqllexer.SPACE, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
		return false
	case sqllexer.STRING, sqllexer.DOLLAR_QUOTED_STRING, sqllexer.DOLLAR_QUOTED_FUNCTION:
		return !literalEnds.MatchString(rest)
	case sqllexer.PUNCTUATION, sqllexer.OPERATOR:
		return h.listed && text == "," && !value.MatchString(rest)
	}
	told := h.identified && isAny(text, "BY", "REPLACE", "AS", "USING")
	h.listed = h.listed || told
	switch {
	case !told && !speaksOfPasswords(text):
		return kind == sqllexer.QUOTED_IDENT && !literalEnds.MatchString(rest)
	case value.MatchString(rest):
		if h.safe == 0 {
			h.safe = h.text.Len()
		}
		return false
	}
	return told || !column.MatchString(rest)
}

func isAny(word string, others ...string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return strings.EqualFold(word, other) })
}

// rest ends the text where no more may be shown. A password that was not escaped may have led to
// that, and have been read as something else.
func (h *hider) rest() string {
	if !h.secrets {
		h.literal()
		return h.text.String()
	}
	shown := h.text.String()
	if h.safe > 0 {
		shown = shown[:h.safe]
	}
	return strings.TrimRight(shown, " ") + " ?"
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

// Where a message begins to quote, in whatever language, and the words behind which it may tell a
// secret without quoting.
var (
	quotes        = regexp.MustCompile("['\"`«»„“”‘’]")
	quotesOrTells = regexp.MustCompile(quotes.String() + "|(?i:password|identified)")
)

// unquoted is an error of the driver's as it may be recorded where its message may quote what is
// secret: the message ends where it begins to quote, or to tell one of the secrets.
func unquoted(err error, begins *regexp.Regexp, secrets ...string) error {
	return spanutil.Reworded(err, func(message string) string {
		end := len(message)
		if at := begins.FindStringIndex(message); at != nil {
			end = at[0]
		}
		for _, secret := range secrets {
			if at := strings.Index(message, secret); at >= 0 {
				end = min(end, at)
			}
		}
		if end < len(message) {
			return message[:end] + "?"
		}
		return message
	})
}

// A data source name tells a password in user:password@, after a scheme or not, or as Oracle's do in
// user/password@, and in a setting whose key names a secret, such as password= or _auth_pass=.
var (
	credentials = regexp.MustCompile(`^(?:(?:[^:/]*://)?[^:]*:|[^:/@]+/)(.+)@`)
	settings    = regexp.MustCompile(`([\w.-]+)\s*=\s*['"{]?([^\s;&'"}]+)`)
)

// passwords returns the passwords in a data source name, as written and as decoded: a driver's
// error may tell no more of the name than that. Which @ ends one is not known; each part may be all of it.
func passwords(dsn string) (found []string) {
	for _, match := range credentials.FindAllStringSubmatch(dsn, -1) {
		found = append(found, strings.Split(match[1], "@")...)
	}
	for _, match := range settings.FindAllStringSubmatch(dsn, -1) {
		if spanutil.Secret(match[1]) {
			found = append(found, match[2])
		}
	}
	for _, written := range found {
		for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
			if decoded, err := decode(written); err == nil {
				found = append(found, decoded)
			}
		}
	}
	return slices.DeleteFunc(found, func(s string) bool { return s == "" })
}
