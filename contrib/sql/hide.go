package sql

import (
	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
)

// HideLiterals replaces every literal in statement by a question mark, for
// [gaptrace.WithStatement]: strings, numbers, TRUE and FALSE, but not NULL. Comments are dropped,
// since they may hold literals too. If SQL's dialects disagree about what is a literal, as about
// a backslash before a quote, or whether # begins a comment, the rest of the statement becomes one question mark. A
// statement of more than 16 KiB is truncated. An error that the database answers is not rewritten: it may repeat a
// literal, or an argument. What stands in double quotes is a name to some databases and a string to others: it is left
// alone only if the [Target] of c is of the type postgres, postgresql, pgx or cockroach.
func HideLiterals(c gaptrace.Call, statement string) string {
	request, ok := c.Request.(*Request)
	dbType := ""
	if ok && request.Target != nil {
		dbType = request.Target.Type
	}
	return sqltext.HideLiterals(statement, dbType)
}
