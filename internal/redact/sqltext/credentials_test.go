package sqltext_test

import (
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestStatementsInDocs(t *testing.T) {
	for _, statement := range spantest.CredentialStatements(t) {
		for _, dbType := range []string{"sql", "mysql", "mssql"} {
			got := sqltext.Statement(strings.ReplaceAll(statement, spantest.Secret, "hunter2"), dbType)
			if strings.Contains(got, "hunter2") || got == "" {
				t.Errorf("%s is recorded as %q", statement, got)
			}
			verb, _, _ := strings.Cut(statement, " ")
			if !strings.HasPrefix(got, verb) && !strings.HasPrefix(statement, "/*!") {
				t.Errorf("%s is recorded as %q, which lacks its verb", statement, got)
			}
		}
	}
}

func TestStatement(t *testing.T) {
	for name, tt := range map[string]struct{ dbType, statement, want string }{
		"no credential":             {"mysql", "SELECT 'a', 1 FROM users", "SELECT 'a', 1 FROM users"},
		"a column":                  {"mysql", "SELECT id, token FROM users WHERE id = ?", "SELECT id, token FROM users WHERE id = ?"},
		"a table and its alias":     {"mysql", "SELECT t.id FROM tokens t WHERE t.id = ?", "SELECT t.id FROM tokens t WHERE t.id = ?"},
		"columns of a table":        {"mysql", "INSERT INTO tokens (id, hash) VALUES (?, ?)", "INSERT INTO tokens (id, hash) VALUES (?, ?)"},
		"names of Postgres":         {"pgx", `SELECT "users"."token" FROM "users" WHERE "users"."id" = $1`, `SELECT "users"."token" FROM "users" WHERE "users"."id" = $1`},
		"strings of MySQL":          {"mysql", `SELECT "token" FROM users WHERE a = "x"`, `SELECT ? FROM ? WHERE ? = ?`},
		"a quoted password":         {"pgx", `ALTER ROLE bob PASSWORD "hunter2" LOGIN`, `ALTER ROLE bob PASSWORD ?`},
		"a quoted text":             {"pgx", `SELECT "a token" FROM t`, `SELECT ? FROM ?`},
		"bare":                      {"sql", "CREATE USER bob PASSWORD hunter2", "CREATE USER bob PASSWORD ?"},
		"bare, after an operator":   {"sql", "SET PASSWORD = hunter2", "SET PASSWORD = ?"},
		"bare, after a comment":     {"sql", "SET PASSWORD /* a */ = -- b\n hunter2", "SET PASSWORD   =  ?"},
		"bare, in brackets":         {"sql", "SET PASSWORD = [hunter2]", "SET PASSWORD = [ ?"},
		"bare, as an argument":      {"sql", "SET PASSWORD = PASSWORD(hunter2)", "SET PASSWORD = PASSWORD( ?"},
		"bare, in a list":           {"sql", "GRANT CONNECT TO a IDENTIFIED BY :p, hunter2", "GRANT CONNECT TO a IDENTIFIED BY ?, ?"},
		"a parameter":               {"sql", "UPDATE t SET token = :x, a = @y WHERE b = $1", "UPDATE t SET token = :x, a = @y WHERE b = $1"},
		"no parameter":              {"sql", "UPDATE t SET token = ?hunter2", "UPDATE t SET token = ?"},
		"a number":                  {"sql", "UPDATE t SET pin_token = 1234 WHERE id = 7", "UPDATE t SET pin_token = ? WHERE ? = ?"},
		"a table's definition":      {"pgx", "CREATE TABLE t (id int, token text NOT NULL, name text)", "CREATE TABLE t (id int, token text NOT NULL, name text)"},
		"encode of Postgres":        {"pgx", "SELECT encode(a, 'hex') FROM t WHERE b = 7", "SELECT encode(a, 'hex') FROM t WHERE b = 7"},
		"encode of MySQL":           {"mysql", "SELECT encode(a, 'hunter2') FROM t", "SELECT encode(a, ?) FROM ?"},
		"a cast":                    {"pgx", "SELECT token::text FROM t WHERE token = ANY($1)", "SELECT token::text FROM t WHERE token = ANY($1)"},
		"rows of another":           {"pgx", "INSERT INTO tokens SELECT a FROM b", "INSERT INTO tokens SELECT a FROM b"},
		"bare, in an array":         {"pgx", "SELECT a FROM t WHERE token = ANY(hunter2)", "SELECT a FROM t WHERE token = ANY( ?"},
		"bare, as a type":           {"pgx", "SELECT token::hunter2", "SELECT token:: ?"},
		"bare, after TO":            {"pgx", "SET LOCAL a.token TO hunter2", "SET LOCAL a.token TO ?"},
		"bare, of a procedure":      {"mssql", "EXEC sp_addlogin u, hunter2", "EXEC sp_addlogin ?, ?"},
		"bare, without EXEC":        {"mssql", "sp_setapprole r, [hunter2]", "sp_setapprole ?, ?"},
		"bare, of one's own":        {"mssql", "EXECUTE dbo.reset_password u, @p = hunter2", "EXECUTE dbo.reset_password ?, ? = ?"},
		"after the literal":         {"sql", "SELECT 'it' hunter2 hunter2, token FROM t", "SELECT ?, token FROM ?"},
		"keywords, not escaped":     {"sql", "SET PASSWORD = 'it's select's'", "SET PASSWORD = ?"},
		"keywords, in one of two":   {"sql", "SET PASSWORD = 'it' select', 'select'", "SET PASSWORD = ?"},
		"keywords, undecided":       {"sql", `SELECT token, 'it', select, 'a\' select'`, "SELECT token, ?"},
		"keywords in three quotes":  {"sql", "SELECT token, '''it ' select ' '''", "SELECT token, ?"},
		"a backslash":               {"sql", `SELECT a, 'b\', token, hunter2'`, "SELECT a, ?"},
		"three quotes":              {"sql", "SELECT a, '''it's hunter2, '' ''', token", "SELECT a, ?"},
		"a comment that is run":     {"sql", "SELECT a /*! PASSWORD hunter2 */", "SELECT a ?"},
		"nested comments":           {"sql", "SELECT a /* /* token */ hunter2 */", "SELECT a ?"},
		"a hash":                    {"sql", "SELECT token # it's\n, 'hunter2'", "SELECT token ?"},
		"Unicode's quotes":          {"sql", "SET PASSWORD = ‘hunter2’", "SET PASSWORD = ?"},
		"never ends":                {"sql", "SET PASSWORD = 'hunter2", "SET PASSWORD = ?"},
		"a NUL":                     {"sql", "SET PASSWORD\x00 = hunter2", "SET PASSWORD ?"},
		"a word after what is read": {"sql", "SELECT 'hunter2', 'pg" + strings.Repeat(" ", 1<<20) + "', token", "SELECT ?"},
		"cut where it is too long":  {"sql", "SET PASSWORD = '" + strings.Repeat("hunter2", 1<<20), "SET PASSWORD = ?"},
	} {
		t.Run(name, func(t *testing.T) {
			got := sqltext.Statement(tt.statement, tt.dbType)
			if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(tt.want), " ") {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestError(t *testing.T) {
	const statement = "CREATE SUBSCRIPTION s CONNECTION 'postgres://u:hunter2@h/d' PUBLICATION p"
	for message, want := range map[string]string{
		"connection refused":                                   "connection refused",
		"syntax error at or near \"hunter2\"":                  "syntax error at or near ?",
		"Access denied for user 'u'@'h' (using password: YES)": "Access denied for user ?",
		"ERROR: could not connect: password is hunter2":        "ERROR: could not connect: ?",
		"cannot reach u:hunter2":                               "cannot reach u:?",
		"invalid connection string hunter2":                    "invalid connection string ?",
		"failed: postgres://u:hunter2@h/d":                     "failed: ?",
		"invalid name HUNTER2":                                 "invalid name ?",
		"near h\x00u\x00n\x00t\x00e\x00r\x002\x00":             "near h?",
		"the operation failed because " + strings.Repeat("x", 1<<20): "the operation failed because " +
			strings.Repeat("x", 4096-29) + "?",
	} {
		if len(want) > 4096 {
			want = want[:4096]
		}
		if got := sqltext.Error(message, statement); strings.TrimSuffix(got, "?") != strings.TrimSuffix(want, "?") {
			t.Errorf("%.80s is recorded as %.80q (%d bytes), want %.80q", message, got, len(got), want)
		}
	}
	const unique = `duplicate key value violates unique constraint "u"`
	if got := sqltext.Error(unique, "INSERT INTO t VALUES ('a')"); got != unique {
		t.Errorf("the error of an ordinary statement is recorded as %q", got)
	}
}
