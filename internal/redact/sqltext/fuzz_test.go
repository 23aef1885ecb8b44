package sqltext_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// spellings are more statements with a credential.
var spellings = []string{
	`CREATE USER 'bob'@'%' IDENTIFIED BY '{secret}'`,
	`CREATE USER bob IDENTIFIED BY "{secret}"`,
	`create user bob identified by"{secret}"`,
	"ALTER USER `o'brien` IDENTIFIED\n\tBY\n'{secret}'",
	`ALTER USER bob IDENTIFIED/**/BY/**/'{secret}'`,
	`ALTER USER bob IDENTIFIED/*it's*/BY '{secret}'`,
	"ALTER USER bob IDENTIFIED -- it's\n BY '{secret}'",
	"ALTER USER bob IDENTIFIED # it's\n BY '{secret}'",
	"ALTER USER bob IDENTIFIED BY#it's\n'{secret}'",
	`ALTER USER bob IDENTIFIED WITH mysql_native_password BY '{secret}'`,
	`ALTER USER bob IDENTIFIED WITH mysql_native_password AS '*{secret}' REQUIRE SSL`,
	`CREATE USER bob IDENTIFIED VIA ed25519 USING PASSWORD('{secret}')`,
	`GRANT ALL ON *.* TO bob@'it''s' IDENTIFIED BY '{secret}' WITH GRANT OPTION`,
	`ALTER USER bob IDENTIFIED BY '{secret}' REPLACE 'old{secret}'`,
	`ALTER USER bob IDENTIFIED BY {secret} REPLACE old{secret}`,
	`SET PASSWORD FOR 'bob'@'localhost' = '{secret}'`,
	`SET PASSWORD=/* it's */'{secret}'`,
	`SET PASSWORD='{secret}'`,
	`SET PaSsWoRd = PASSWORD ( '{secret}' )`,
	`SET PASSWORD = OLD_PASSWORD("{secret}")`,
	`SELECT PASSWORD('{secret}'), 'it\'s'`,
	`SELECT 'it\'s', PASSWORD('{secret}')`,
	`SELECT "it\"s", PASSWORD("a b {secret}")`,
	`UPDATE mysql.user SET password=PASSWORD('{secret}') WHERE user='o\'brien'`,
	`/*!50706 ALTER USER bob IDENTIFIED BY '{secret}' */`,
	`ALTER ROLE bob WITH ENCRYPTED PASSWORD '{secret}' VALID UNTIL '2030-01-01'`,
	`ALTER ROLE bob PASSWORD E'it\'s {secret}'`,
	`ALTER ROLE bob PASSWORD $${secret}$$`,
	`ALTER ROLE bob PASSWORD $x$it's {secret}$x$`,
	`ALTER ROLE "o'brien" PASSWORD '{secret}'`,
	`ALTER ROLE bob PASSWORD U&'{secret}'`,
	`CREATE LOGIN [o'brien] WITH PASSWORD = N'{secret}'`,
	`CREATE SUBSCRIPTION s CONNECTION 'host=h password={secret}'`,
	`CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='{secret}'`,
	`CREATE USER bob IDENTIFIED BY '{secret}`,
	`CREATE USER bob IDENTIFIED BY 'it''s {secret}''`,
	"CREATE USER bob IDENTIFIED BY 'a\x00{secret}'",
	"CREATE USER bob IDENTIFIED BY 'a\xff{secret}'",
	`SELECT 1; SET PASSWORD = '{secret}'; SELECT 2`,
	`CREATE USER bob PASSWORD {secret}`,
	`CREATE USER bob AS PASSWORD = {secret}`,
	`CREATE USER bob AS PASSWORD:={secret}`,
	`GRANT CONNECT TO a, b IDENTIFIED BY p1, {secret}`,
	`GRANT CONNECT TO a, b IDENTIFIED BY "p1", {secret}`,
	`GRANT CONNECT TO a, b IDENTIFIED BY :p1, {secret}`,
	`GRANT CONNECT TO a, b IDENTIFIED BY $1, {secret}`,
	"CREATE USER bob IDENTIFIED BY `{secret}`",
	`CREATE USER bob IDENTIFIED BY [{secret}]`,
	`CREATE USER bob IDENTIFIED BY €{secret}`,
	"CREATE USER bob IDENTIFIED BY\u00a0{secret}",
	"CREATE USER bob IDENTIFIED\u00a0BY {secret}",
	"CREATE USER bob IDENTIFIED BY \u3000{secret}",
	`CREATE USER bob IDENTIFIED BY#{secret}`,
	`CREATE USER bob IDENTIFIED BY!{secret}`,
	`CREATE USER bob IDENTIFIED BY /**/ {secret}`,
	`CREATE USER bob IDENTIFIED BY 12{secret}`,
	`CREATE USER bob IDENTIFIED BY ?{secret}`,
	`CREATE USER bob IDENTIFIED BY 'it's {secret}'`,
	`CREATE USER bob IDENTIFIED BY 'it' is {secret}'`,
	`CREATE USER bob IDENTIFIED BY 'it'!{secret}'`,
	`CREATE USER bob IDENTIFIED WITH mysql_native_password AS {secret}`,
	`CREATE USER bob IDENTIFIED VIA ed25519 USING {secret}`,
	`ALTER USER bob IDENTIFIED BY VALUES {secret}`,
	`ALTER USER bob IDENTIFIED BY 'a' REPLACE {secret}`,
	`ALTER USER bob IDENTIFIED BY 'a' REPLACE [{secret}]`,
	`ALTER USER bob IDENTIFIED BY on {secret}`,
	`ALTER USER bob IDENTIFIED BY null-{secret}`,
	`ALTER USER bob IDENTIFIED BY 'a'b {secret}'c'`,
	`ALTER USER bob IDENTIFIED BY "a"b {secret}"c"`,
	`ALTER ROLE bob PASSWORD in-{secret}`,
	`SET PASSWORD FOR bob = {secret}`,
	`SET PASSWORD FOR 'a=''b' = {secret}`,
	"UPDATE users SET `password` = {secret}",
	`UPDATE users SET [password]={secret}`,
	`UPDATE users SET "password" = {secret}`,
	`UPDATE users SET u.password = {secret}`,
	`CHANGE MASTER TO MASTER_PASSWORD={secret}`,
}

// quoting are the ways in which dialects quote a literal, with %s for its text.
var quoting = []string{
	`'%s'`, `"%s"`, `N'%s'`, `E'%s'`, `U&'%s'`, `X'%s'`, `r'%s'`, `b"%s"`,
	"$$%s$$", "$tag$%s$tag$", `q'[%s]'`, `q'!%s!'`,
	`'''%s''`, `"""%s"""`, `'%s`, `"%s`, `$$%s`, `_utf8'%s'`, `'' '%s'`, `'a''%s'`, `'a\'%s'`,
}

// spaces are what may separate two words.
var spaces = []string{
	" ", "  ", "\n", "\t\r\n", "\u00a0", "/**/", " /* it's */ ", " -- it's\n", " # it's\n", "/* a /* b */ */", " /*! */ ",
}

// respell changes the spaces and the case of statement and the quotes of the secret's literal, as
// random decides.
func respell(statement string, quotes int, random *rand.Rand) string {
	if at := strings.Index(statement, spantest.Secret); quotes >= 0 {
		start := strings.LastIndexAny(statement[:at], `'"`)
		end := strings.IndexAny(statement[at:], `'"`)
		if start >= 0 && end >= 0 && statement[start] == statement[at+end] {
			literal := fmt.Sprintf(quoting[quotes%len(quoting)], statement[start+1:at+end])
			statement = statement[:start] + literal + statement[at+end+1:]
		}
	}
	var b strings.Builder
	quote := rune(0)
	for i, r := range statement {
		switch {
		case inSecret(statement, i):
			b.WriteRune(r)
			continue
		case quote == r:
			quote = 0
		case quote == 0 && strings.ContainsRune(`'"$`, r):
			quote = r
		case quote == 0 && r == ' ':
			b.WriteString(spaces[random.IntN(len(spaces))])
			continue
		case random.IntN(3) == 0:
			r = unicode.ToUpper(r)
		case random.IntN(3) == 0 && r < unicode.MaxASCII:
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// inSecret reports whether byte i of statement is part of the placeholder.
func inSecret(statement string, i int) bool {
	n := len(spantest.Secret)
	return strings.Contains(statement[max(0, i-n+1):min(len(statement), i+n)], spantest.Secret)
}

// wordAround returns the letters and digits in s around part.
func wordAround(s, part string) string {
	at := strings.Index(s, part)
	other := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	start := strings.LastIndexFunc(s[:at], other)
	_, size := utf8.DecodeRuneInString(s[max(start, 0):])
	word := s[at:]
	if end := strings.IndexFunc(word, other); end >= 0 {
		word = word[:end]
	}
	if start < 0 {
		return s[:at] + word
	}
	return s[start+size:at] + word
}

// FuzzStatement puts a secret into each documented statement and respells it. The secret must not
// occur in what is recorded of the statement, nor of an error that repeats a part of it.
func FuzzStatement(f *testing.F) {
	statements := slices.Concat(spantest.CredentialStatements(f), spellings)
	for row, statement := range statements {
		f.Add(row, -1, uint64(0), "", "")
		f.Add(row, row, uint64(row), "", "/* a */")
		f.Add(row, row+7, uint64(row), "it's ", "")
		f.Add(row, row+13, uint64(row), "it\\' ", "SELECT 1; ")
		if row%8 > 0 {
			continue
		}
		f.Add(row, -1, uint64(row), "", strings.Repeat(" ", 4096-len(statement)))
		f.Add(row, -1, uint64(row), "", strings.Repeat(" ", 16384-len(statement)-3))
	}
	f.Fuzz(func(t *testing.T, row, quotes int, seed uint64, inside, before string) {
		if strings.ContainsAny(before, "'\"`$#-[/\\") && before != "/* a */" || strings.Contains(before, "hunter2") {
			t.Skip("the prefix may quote a part of the statement, or holds the secret itself")
		}
		statement := statements[uint(row)%uint(len(statements))]
		if !quoted(statement) { // one word, and no variable's name, such as @name or :name
			inside = ""
		}
		query := statement
		if seed != 0 {
			query = respell(query, quotes, rand.New(rand.NewPCG(seed, 1)))
		}
		if before != "" { // no part of the first word
			before += " "
		}
		query = before + strings.ReplaceAll(query, spantest.Secret, inside+"hunter2")
		if got := sqltext.Statement(query, "sql"); leaks(got) {
			t.Errorf("the statement %q is recorded as %q", query, got)
		}
		for _, message := range []string{
			"syntax error near '" + query[len(query)/2:] + "'",
			"cannot connect with " + wordAround(query, "hunter2"),
			"cannot run " + query,
			fmt.Sprintf("cannot run %q", query),
		} {
			if got := redact.Text(sqltext.Error(message, query)); leaks(got) {
				t.Errorf("of the statement %q, the error %q is recorded as %q", query, message, got)
			}
		}
	})
}

// quoted reports whether the placeholder is in quotes.
func quoted(statement string) bool {
	before, _, _ := strings.Cut(statement, spantest.Secret)
	open := func(quote rune) bool { return strings.Count(before, string(quote))%2 > 0 }
	return strings.ContainsFunc("'\"`", open) || strings.Contains(before, "$")
}

func leaks(recorded string) bool { return strings.Contains(strings.ToLower(recorded), "hunter2") }
