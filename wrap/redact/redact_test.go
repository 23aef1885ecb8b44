package redact_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/wrap"
	"github.com/gaptrace/gaptrace/wrap/redact"
)

func TestSQL(t *testing.T) {
	for _, template := range spantest.CredentialStatements(t) {
		statement := strings.ReplaceAll(template, spantest.Secret, "hunter2")
		for range 3 { // remembered from the third on
			if shown := redact.SQL(statement, "mysql"); strings.Contains(shown, "hunter2") {
				t.Errorf("%s is shown as %s", statement, shown)
			}
		}
	}
	for i := range 50 { // more types than are remembered
		dbType := fmt.Sprint("type ", i)
		for _, statement := range []string{"SELECT 1", strings.Repeat("SELECT 1;", 1000)} {
			for range 3 {
				if shown := redact.SQL(statement, dbType); shown != statement {
					t.Errorf("%q is shown as %q", statement, shown)
				}
			}
		}
	}
}

func TestKnownStatementAllocatesNothing(t *testing.T) {
	const statement = "SELECT name FROM users WHERE id = $1"
	if n := testing.AllocsPerRun(100, func() { redact.SQL(statement, "mysql") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// answer is an error of a server.
type answer string

func (a answer) Error() string { return string(a) }

func TestErrors(t *testing.T) {
	get := redact.Redis([]any{"GET", "key"})
	auth := redact.Redis([]any{"auth", "hunter2"})
	if get.Name() != "get" || get.Operation() != "redis get" || auth.Name() != "auth" {
		t.Errorf("%q, %q, %q", get.Name(), get.Operation(), auth.Name())
	}
	if s := string(auth.AppendTo(nil, []any{"auth", "hunter2"})); s != "auth ?" {
		t.Errorf("statement %q", s)
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"of a text": {
			redact.Error(answer("no hunter2"), func(string) string { return "no ?" }),
			"no ?",
		},
		"quoted":     {redact.Error(answer(`cannot parse "hunter2"`), redact.Unquoted), "cannot parse ?"},
		"of Redis":   {get.ServerError(answer(`ERR no "hunter2"`)), "ERR no ?"},
		"of AUTH":    {auth.ServerError(answer("ERR no hunter2")), "ERR ?"},
		"of SQL":     {redact.SQLError(answer("no 'hunter2'"), "CREATE USER u PASSWORD 'hunter2'"), "no ?"},
		"of SELECT":  {redact.SQLError(answer("no 'x'"), "SELECT 1"), "no 'x'"},
		"no failure": {errors.Join(redact.Error(nil, nil), redact.SQLError(nil, ""), get.ServerError(nil)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			var hooked error
			w := wrap.New("lib", gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
				gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { hooked = err; return false }))
			call := w.Start(context.Background(), func() gaptrace.Call {
				return gaptrace.Call{Component: "lib", Operation: "op"}
			})
			call.Finish(test.err)
			tree := tracer.Tree()
			if test.want == "" {
				if strings.Contains(tree, "error") {
					t.Error(tree)
				}
				return
			}
			if !strings.Contains(tree, fmt.Sprintf("error.kind=redact_test.answer message=%q", test.want)) {
				t.Errorf("want %q:\n%s", test.want, tree)
			}
			if _, ok := hooked.(answer); !ok {
				t.Errorf("the hook got a %T", hooked)
			}
		})
	}
}
