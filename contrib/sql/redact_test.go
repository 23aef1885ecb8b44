package gapsql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestHideLiteralsKeepsQuotedNamesOfPostgres(t *testing.T) {
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

// The rules are fuzzed in internal/redact/sqltext. Here each documented statement is run, prepared
// and queried, and succeeds or fails with an error that repeats it.
func TestCredentialsNeverEnterASpan(t *testing.T) {
	f := &fake{shape: modern, stmt: modernStmt, sets: three}
	tracer, _, db := openFake(t, f, gaptrace.WithRoots())
	ctx := t.Context()
	for _, statement := range spantest.CredentialStatements(t) {
		query := strings.ReplaceAll(statement, spantest.Secret, "hunter2")
		for _, failure := range []error{
			nil,
			errors.New("syntax error near '" + query[len(query)/2:] + "'"),
			fmt.Errorf("cannot run %s", query),
			fmt.Errorf("cannot run %q", query),
		} {
			tracer.Reset()
			f.fault = func(call string) error {
				if strings.HasPrefix(call, "Exec") || strings.HasPrefix(call, "Stmt.") || strings.HasPrefix(call, "Next") {
					return failure
				}
				return nil
			}
			_, _ = db.ExecContext(ctx, query)
			if r, err := db.QueryContext(ctx, query); err == nil {
				for r.Next() {
				}
				r.Close()
			}
			if s, err := db.PrepareContext(ctx, query); err == nil {
				_, _ = s.ExecContext(ctx)
				s.Close()
			}
			got := tracer.Tree()
			if strings.Contains(strings.ToLower(got), "hunter2") || strings.Contains(got, "PROBLEM") ||
				!strings.Contains(got, "sql exec") {
				t.Fatalf("%s is recorded as\n%s", query, got)
			}
		}
	}
}

func TestStatementWithoutCredentialIsRecordedWhole(t *testing.T) {
	tracer, ctx, db := openFake(t, &fake{shape: modern})
	const query = "SELECT 'a', 1 FROM passwords -- w, f, WORD, IDENTIFY"
	spantest.Must(db.ExecContext(ctx, strings.ReplaceAll(query, "passwords", "users")))(t)
	spantest.Must(db.ExecContext(ctx, query))(t)
	const want = `sql exec db.statement="SELECT 'a', 1 FROM users -- w, f, WORD, IDENTIFY" db.type=sql
sql exec db.statement="SELECT ?, ? FROM ? " db.type=sql
`
	wantCalls(t, tracer, ctx, want)
}

func TestStatementWithPasswordColumnStaysReadable(t *testing.T) {
	tracer, ctx, db := openFake(t, &fake{shape: modern})
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
		spantest.Must(db.ExecContext(ctx, statement))(t)
		if got := tracer.Named("sql exec")[0].Tags["db.statement"]; got != want {
			t.Errorf("%s: %s, want %s", statement, got, want)
		}
	}
}

// refused are errors of databases that quote the argument hunter2.
var refused = []string{
	"Error 1064 (42000): syntax error near '= 'hunter2'' at line 1",
	`syntax error at or near "hunter2"`,
	"syntax error near `hunter2`",
	"Syntaxfehler bei »hunter2«",
	"erreur de syntaxe sur « hunter2 »",
	"syntax error at “hunter2”",
	"the Password hunter2 is too short",
}

func TestErrorOfStatementWithCredentialIsTruncated(t *testing.T) {
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
			tracer, ctx, db := openFake(t, f)
			f.fault = failOn("Exec", 1, errors.New(message))
			if _, err := db.ExecContext(ctx, statement, "hunter2"); err == nil || err.Error() != message {
				t.Errorf("the program saw %v, want %s", err, message)
			}
			if got := recordedCalls(tracer, ctx); strings.Contains(got, "hunter2") || !strings.Contains(got, "error=true") {
				t.Errorf("%.40s, %s: recorded:\n%s", statement, message, got)
			}
		}
	}
}

func TestErrorOfOrdinaryStatementIsRecordedWhole(t *testing.T) {
	for _, statement := range []string{"SELECT 'a'", "SELECT " + strings.Repeat("'a', ", 1<<20)} {
		f := &fake{shape: modern}
		tracer, ctx, db := openFake(t, f)
		f.fault = failOn("Exec", 1, errors.New("no such column 'a'"))
		_, _ = db.ExecContext(ctx, statement)
		if got := recordedCalls(tracer, ctx); !strings.HasSuffix(got, " message=\"no such column 'a'\"\n") {
			t.Errorf("%.40s: recorded:\n%s", statement, got)
		}
	}
}
