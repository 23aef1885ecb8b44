package gapsql_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestHideLiteralsHidesEveryLiteral(t *testing.T) {
	for statement, want := range map[string]string{
		"":                              "",
		"SELECT 1":                      "SELECT ?",
		"SELECT a-5, -1.5e-3, .5, 0x1F": "SELECT a-?, -?, .?, ?",
		"SELECT 1_000, 0b101, 5AND 6":   "SELECT ?, ?, ?AND ?",
		"SELECT 'it''s', x'1F', N'a', U&'b', E'c'": "SELECT ?, x?, N?, U&?, E?",
		"SELECT 'a' 'b', TRUE, NULL":               "SELECT ? ?, ?, NULL",
		"SELECT $1, ?, :a, @b FROM t3":             "SELECT $1, ?, :a, @b FROM t3",
		"SELECT \"a\"\"b\", `c`":                   "SELECT ?, `c`",
		"DO $$ it's $$, $x$ 'y' $x$":               "DO ?, ?",
		"SELECT 1 -- one\n+ 2 /* two */ + 3":       "SELECT ? \n+ ?   + ?",
		"SELECT data->>'$.a', data #> '{b}'":       "SELECT data->>?, data #> ?",
		"SELECT price/100, a.b/7, TRUE/7, a//7":    "SELECT price/?, a.b/?, ?/?, a//?",
		"SELECT a?7, a@7, f(a)@7, :a/7":            "SELECT a??, a@?, f(a)@?, :a/?",
		"SELECT v@@$$secret$$, v?$$x$$, v/$$y$$":   "SELECT v@@?, v??, v/?",
		"SELECT ARRAY['a','b'][1]":                 "SELECT ARRAY[?,?][?]",
		"INSERT INTO t VALUES (1,'a'),(2,'b')":     "INSERT INTO t VALUES (?,?),(?,?)",
		"ALTER USER a IDENTIFIED BY 'b' REQUIRE X": "ALTER USER a IDENTIFIED BY ? REQUIRE X",
		"ALTER USER a IDENTIFIED BY b REPLACE c":   "ALTER USER a IDENTIFIED BY ? REPLACE ?",
	} {
		if got := gapsql.HideLiterals(gaptrace.Call{}, statement); got != want {
			t.Errorf("%s: %s, want %s", statement, got, want)
		}
	}
}

func TestHideLiteralsShowsNothingMoreWhereDialectsDisagree(t *testing.T) {
	for statement, want := range map[string]string{
		`SELECT 'it\'s', secret'`:                       "SELECT ?",
		`SELECT 'C:\', 'secret'`:                        "SELECT ?",
		`SELECT "a\" secret"`:                           "SELECT ?",
		"SELECT `it's`, 'secret', `b`":                  "SELECT `it?",
		"SELECT [it's], 'secret', [b]":                  "SELECT [it?",
		"SELECT 1 # it's\n, 'secret'":                   "SELECT ? ?",
		"SELECT 1 --it's\n, 'secret'":                   "SELECT ? ?",
		"SELECT 1 -- a\r'b\n, secret'":                  "SELECT ? ?",
		"SELECT 1 /* a /* b */ c's */, 'secret'":        "SELECT ?  ?",
		"SELECT 1 /*! 'secret' */":                      "SELECT ?  ?",
		"SELECT 1 /*it's*/, 'secret' */":                "SELECT ?  , ? */",
		"SELECT a/*it's*/, 'secret', '*/'":              "SELECT a , ?, ?",
		"SELECT 1=/*it's*/'secret', '*/'":               "SELECT ?= ?, ?",
		"SELECT 1=--it's\n'secret', ''":                 "SELECT ?=?",
		"SELECT a\"it's secret\", 'b'":                  "SELECT a?, ?",
		"SELECT q'[it's secret]', 'a'":                  "SELECT q?",
		"SELECT 1e--it's\n'secret'":                     "SELECT ??",
		"SELECT $a, 'it', $b = 'x' AND $a, 'it', $'se'": "SELECT ?",
		"SELECT 'secret":                                "SELECT ?",
		"SELECT [a]]'b], 'secret'":                      "SELECT [a]?",
		"SELECT 1 # secret":                             "SELECT ? ?",
		"SELECT a#7":                                    "SELECT a?",
		"SELECT /* secret":                              "SELECT ?",
		"SELECT 1\x00'secret'":                          "SELECT ??",
	} {
		if got := gapsql.HideLiterals(gaptrace.Call{}, statement); got != want {
			t.Errorf("%q: %q, want %q", statement, got, want)
		}
	}
}

func TestHideLiteralsKnowsWhereDoubleQuotesHoldNames(t *testing.T) {
	const statement = `SELECT "a"."b", 'c' FROM "d"`
	for dbType, want := range map[string]string{
		"mysql":    "SELECT ?, ? FROM ?",
		"postgres": `SELECT "a"."b", ? FROM "d"`,
	} {
		c := gaptrace.Call{Request: &gapsql.Request{Target: &gapsql.Target{Type: dbType}}}
		if got := gapsql.HideLiterals(c, statement); got != want {
			t.Errorf("%s: %s, want %s", dbType, got, want)
		}
	}
}

func TestHideLiteralsLooksAtSixteenKilobytes(t *testing.T) {
	long := "SELECT " + strings.Repeat("1, ", 1<<20) + "'secret'"
	got := gapsql.HideLiterals(gaptrace.Call{}, long)
	if !strings.HasPrefix(got, "SELECT ?, ?, ") || !strings.HasSuffix(got, "… [cut]") || len(got) > 17<<10 {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-20:])
	}
	got = gapsql.HideLiterals(gaptrace.Call{}, "SELECT '"+strings.Repeat("x", 1<<20))
	if got != "SELECT ?" {
		t.Errorf("a literal beyond the bound: %.100q", got)
	}
	if again := gapsql.HideLiterals(gaptrace.Call{}, got); again != got {
		t.Errorf("hidden twice: %q, once: %q", again, got)
	}
}

// spellings are statements that hold a password where %s stands.
var spellings = []string{
	`CREATE USER 'bob'@'%%' IDENTIFIED BY '%s'`,
	`CREATE USER bob IDENTIFIED BY "%s"`,
	`create user bob identified by"%s"`,
	"ALTER USER `o'brien` IDENTIFIED\n\tBY\n'%s'",
	`ALTER USER bob IDENTIFIED/**/BY/**/'%s'`,
	`ALTER USER bob IDENTIFIED/*it's*/BY '%s'`,
	"ALTER USER bob IDENTIFIED -- it's\n BY '%s'",
	"ALTER USER bob IDENTIFIED # it's\n BY '%s'",
	"ALTER USER bob IDENTIFIED BY#it's\n'%s'",
	`ALTER USER bob IDENTIFIED WITH mysql_native_password BY '%s'`,
	`ALTER USER bob IDENTIFIED WITH mysql_native_password AS '*%s' REQUIRE SSL`,
	`CREATE USER bob IDENTIFIED VIA ed25519 USING PASSWORD('%s')`,
	`GRANT ALL ON *.* TO bob@'it''s' IDENTIFIED BY '%s' WITH GRANT OPTION`,
	`ALTER USER bob IDENTIFIED BY '%s' REPLACE 'old%[1]s'`,
	`ALTER USER bob IDENTIFIED BY %s REPLACE old%[1]s`,
	`SET PASSWORD FOR 'bob'@'localhost' = '%s'`,
	`SET PASSWORD=/* it's */'%s'`,
	`SET PASSWORD='%s'`,
	`SET PaSsWoRd = PASSWORD ( '%s' )`,
	`SET PASSWORD = OLD_PASSWORD("%s")`,
	`SELECT PASSWORD('%s'), 'it\'s'`,
	`SELECT 'it\'s', PASSWORD('%s')`,
	`SELECT "it\"s", PASSWORD("a b %s")`,
	`UPDATE mysql.user SET password=PASSWORD('%s') WHERE user='o\'brien'`,
	`/*!50706 ALTER USER bob IDENTIFIED BY '%s' */`,
	`ALTER ROLE bob WITH ENCRYPTED PASSWORD '%s' VALID UNTIL '2030-01-01'`,
	`ALTER ROLE bob PASSWORD E'it\'s %s'`,
	`ALTER ROLE bob PASSWORD $$%s$$`,
	`ALTER ROLE bob PASSWORD $x$it's %s$x$`,
	`ALTER ROLE "o'brien" PASSWORD '%s'`,
	`ALTER ROLE bob PASSWORD U&'%s'`,
	`CREATE LOGIN [o'brien] WITH PASSWORD = N'%s'`,
	`CREATE SUBSCRIPTION s CONNECTION 'host=h password=%s'`,
	`CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='%s'`,
	`CREATE USER bob IDENTIFIED BY '%s`,
	`CREATE USER bob IDENTIFIED BY 'it''s %s''`,
	"CREATE USER bob IDENTIFIED BY 'a\x00%s'",
	"CREATE USER bob IDENTIFIED BY 'a\xff%s'",
	`SELECT 1; SET PASSWORD = '%s'; SELECT 2`,
	`CREATE USER bob PASSWORD %s`,
	`CREATE USER bob AS PASSWORD = %s`,
	`CREATE USER bob AS PASSWORD:=%s`,
	`GRANT CONNECT TO a, b IDENTIFIED BY p1, %s`,
	`GRANT CONNECT TO a, b IDENTIFIED BY "p1", %s`,
	`GRANT CONNECT TO a, b IDENTIFIED BY :p1, %s`,
	`GRANT CONNECT TO a, b IDENTIFIED BY $1, %s`,
	"CREATE USER bob IDENTIFIED BY `%s`",
	`CREATE USER bob IDENTIFIED BY [%s]`,
	`CREATE USER bob IDENTIFIED BY €%s`,
	"CREATE USER bob IDENTIFIED BY\u00a0%s",
	"CREATE USER bob IDENTIFIED\u00a0BY %s",
	"CREATE USER bob IDENTIFIED BY \u3000%s",
	`CREATE USER bob IDENTIFIED BY#%s`,
	`CREATE USER bob IDENTIFIED BY!%s`,
	`CREATE USER bob IDENTIFIED BY /**/ %s`,
	`CREATE USER bob IDENTIFIED BY 12%s`,
	`CREATE USER bob IDENTIFIED BY ?%s`,
	`CREATE USER bob IDENTIFIED BY 'it's %s'`,
	`CREATE USER bob IDENTIFIED BY 'it' is %s'`,
	`CREATE USER bob IDENTIFIED BY 'it'!%s'`,
	`CREATE USER bob IDENTIFIED WITH mysql_native_password AS %s`,
	`CREATE USER bob IDENTIFIED VIA ed25519 USING %s`,
	`ALTER USER bob IDENTIFIED BY VALUES %s`,
	`ALTER USER bob IDENTIFIED BY 'a' REPLACE %s`,
	`ALTER USER bob IDENTIFIED BY 'a' REPLACE [%s]`,
	`ALTER USER bob IDENTIFIED BY on %s`,
	`ALTER USER bob IDENTIFIED BY null-%s`,
	`ALTER USER bob IDENTIFIED BY 'a'b %s'c'`,
	`ALTER USER bob IDENTIFIED BY "a"b %s"c"`,
	`ALTER ROLE bob PASSWORD in-%s`,
	`SET PASSWORD FOR bob = %s`,
	`SET PASSWORD FOR 'a=''b' = %s`,
	"UPDATE users SET `password` = %s",
	`UPDATE users SET [password]=%s`,
	`UPDATE users SET "password" = %s`,
	`UPDATE users SET u.password = %s`,
	`CHANGE MASTER TO MASTER_PASSWORD=%s`,
}

// quoting are the ways in which dialects quote a literal, with %s for its text.
var quoting = []string{
	`'%s'`, `"%s"`, `N'%s'`, `E'%s'`, `U&'%s'`, `X'%s'`, `r'%s'`, `b"%s"`, "$$%s$$", "$tag$%s$tag$", `q'[%s]'`, `q'!%s!'`,
	`'''%s''`, `"""%s"""`, `'%s`, `"%s`, `$$%s`, `_utf8'%s'`, `'' '%s'`, `'a''%s'`, `'a\'%s'`,
}

// spaces are what may separate two words.
var spaces = []string{" ", "\n", "\t\r\n", "/**/", " /* it's */ ", " -- it's\n", " # it's\n", "\u00a0", "/* a /* b */ */", " /*! */ ", "  "}

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
		case strings.HasPrefix(statement[i:], spantest.Secret), i > 0 && b.Len() > 0 && strings.Contains(statement[max(0, i-len(spantest.Secret)+1):min(len(statement), i+len(spantest.Secret))], spantest.Secret):
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

// FuzzAPasswordNeverEntersASpan puts a secret into each documented statement and respells it. The
// statement succeeds, or fails with an error that quotes the secret. The secret must not occur in
// any span.
func FuzzAPasswordNeverEntersASpan(f *testing.F) {
	documented := spantest.CredentialStatements(f)
	for _, spelling := range spellings {
		documented = append(documented, strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(spelling, "%[1]s", spantest.Secret), "%s", spantest.Secret), "%%", "%"))
	}
	for row, statement := range documented {
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
		statement := documented[uint(row)%uint(len(documented))]
		if !strings.ContainsAny(statement, "'\"`$") { // an unquoted secret is one word
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
		errs := []error{
			nil,
			errors.New("syntax error near '" + query[len(query)/2:] + "'"),
			errors.New("cannot connect with " + wordAround(query, "hunter2")),
			fmt.Errorf("cannot run %s", query),
			fmt.Errorf("cannot run %q", query),
		}
		for _, err := range errs {
			tracer := spantest.NewTracer()
			db := (&fake{shape: modern, stmt: modernStmt, fault: func(call string) error {
				if strings.HasPrefix(call, "Exec") || strings.HasPrefix(call, "Stmt.") || strings.HasPrefix(call, "Next") {
					return err
				}
				return nil
			}}).db(t, func(c driver.Connector) driver.Connector {
				return gapsql.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
			})
			_, _ = db.Exec(query)
			if r, err := db.Query(query); err == nil {
				for r.Next() {
				}
				r.Close()
			}
			if s, err := db.Prepare(query); err == nil {
				_, _ = s.Exec()
				s.Close()
			}
			if got := tracer.Tree(); strings.Contains(strings.ToLower(got), "hunter2") || strings.Contains(got, "PROBLEM") {
				t.Fatalf("the statement %q is drawn as\n%s", query, got)
			}
		}
	})
}

func TestStatementsThatSpeakOfNoPasswordAreLeftAlone(t *testing.T) {
	tracer, ctx, db := under(t, &fake{shape: modern})
	const query = "SELECT 'a', 1 FROM passwords -- w, f, WORD, IDENTIFY"
	must(db.ExecContext(ctx, strings.ReplaceAll(query, "passwords", "users")))(t)
	must(db.ExecContext(ctx, query))(t)
	const want = `sql exec db.statement="SELECT 'a', 1 FROM users -- w, f, WORD, IDENTIFY" db.type=sql
sql exec db.statement="SELECT ?, ? FROM ? " db.type=sql
`
	if got := drawn(tracer, ctx); got != want {
		t.Errorf("drawn:\n%swant:\n%s", got, want)
	}
}

func TestAStatementWithAColumnNamedPasswordStaysReadable(t *testing.T) {
	tracer, ctx, db := under(t, &fake{shape: modern})
	for statement, want := range map[string]string{
		"SELECT password FROM users WHERE id = 7":                      "SELECT password FROM users WHERE id = ?",
		"SELECT id, u.password, name FROM users u WHERE name = 'x'":    "SELECT id, u.password, name FROM users u WHERE name = ?",
		"SELECT `password`, [password] FROM users":                     "SELECT `password`, [password] FROM users",
		"UPDATE users SET password = ? WHERE id = 7":                   "UPDATE users SET password = ? WHERE id = ?",
		"UPDATE users SET password=$1::text, x = 2":                    "UPDATE users SET password=$1::text, x = ?",
		"UPDATE users SET password=:pw WHERE id=@id":                   "UPDATE users SET password=:pw WHERE id=@id",
		"UPDATE users SET password := ? WHERE id = 7":                  "UPDATE users SET password := ? WHERE id = ?",
		"UPDATE users SET password = 'x' WHERE id = 7":                 "UPDATE users SET password = ? WHERE ? = ?",
		"UPDATE users SET password = NULL WHERE id = 7":                "UPDATE users SET password = NULL WHERE id = ?",
		"INSERT INTO users (name, password) VALUES (?, ?)":             "INSERT INTO users (name, password) VALUES (?, ?)",
		"INSERT INTO users (password, name) VALUES ('a', 'b')":         "INSERT INTO users (password, name) VALUES (?, ?)",
		"INSERT INTO users VALUES (:name, :password)":                  "INSERT INTO users VALUES (:name, :password)",
		"SELECT 1 FROM users WHERE password IS NULL ORDER BY password": "SELECT ? FROM users WHERE password IS NULL ORDER BY password",
		"SELECT id FROM passwords WHERE password_hash <> ? LIMIT 5":    "SELECT id FROM passwords WHERE password_hash <> ? LIMIT ?",
		"CREATE USER a@'h' IDENTIFIED BY ? REQUIRE SSL":                "CREATE USER a@? IDENTIFIED BY ? REQUIRE SSL",
		"ALTER ROLE bob PASSWORD 'x' VALID UNTIL '2030'":               "ALTER ROLE bob PASSWORD ? VALID UNTIL ?",
		"ALTER ROLE bob PASSWORD hunter2 VALID UNTIL '2030'":           "ALTER ROLE bob PASSWORD ?",
	} {
		tracer.Reset()
		must(db.ExecContext(ctx, statement))(t)
		if got := tracer.Named("sql exec")[0].Tags["db.statement"]; got != want {
			t.Errorf("%s: %s, want %s", statement, got, want)
		}
	}
}

// refused is how databases answer what has the argument hunter2.
var refused = []string{
	"Error 1064 (42000): syntax error near '= 'hunter2'' at line 1",
	`syntax error at or near "hunter2"`,
	"syntax error near `hunter2`",
	"Syntaxfehler bei »hunter2«",
	"erreur de syntaxe sur « hunter2 »",
	"syntax error at “hunter2”",
	"the Password hunter2 is too short",
}

func TestAnArgumentThatMayBeAPasswordIsNotToldWithTheDriversError(t *testing.T) {
	for _, statement := range []string{
		"SET PASSWORD FOR = ?",
		"SET PaSsWoRd = $1",
		"UPDATE users SET password = :pw",
		"UPDATE users SET password = @p",
		"INSERT INTO users (name, password) VALUES (?, ?)",
		"ALTER USER bob IDENTIFIED BY ?",
		strings.Repeat(" ", 1<<20) + "ALTER USER bob IDENTIFIED BY ?",
	} {
		for _, message := range refused {
			f := &fake{shape: modern}
			tracer, ctx, db := under(t, f)
			f.fault = failOn("Exec", 1, errors.New(message))
			if _, err := db.ExecContext(ctx, statement, "hunter2"); err == nil || err.Error() != message {
				t.Errorf("the program saw %v, want %s", err, message)
			}
			if got := drawn(tracer, ctx); strings.Contains(got, "hunter2") || !strings.Contains(got, "error=true") {
				t.Errorf("%.40s, %s: drawn:\n%s", statement, message, got)
			}
		}
	}
}

func TestAFailureIsToldInFullWhereItsStatementSpeaksOfNoPassword(t *testing.T) {
	for _, statement := range []string{"SELECT 'a'", "SELECT " + strings.Repeat("'a', ", 1<<20)} {
		f := &fake{shape: modern}
		tracer, ctx, db := under(t, f)
		f.fault = failOn("Exec", 1, errors.New("no such column 'a'"))
		_, _ = db.ExecContext(ctx, statement)
		if got := drawn(tracer, ctx); !strings.HasSuffix(got, " message=\"no such column 'a'\"\n") {
			t.Errorf("%.40s: drawn:\n%s", statement, got)
		}
	}
}
