package gapsql

import (
	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
)

// HideLiterals replaces every literal in statement by a question mark, for
// [gaptrace.WithStatement]: strings, numbers, TRUE and FALSE, but not NULL. Comments are dropped,
// since they may hold literals too. A statement of more than 16 KiB is truncated. SQL dialects
// disagree about some literals, as about a backslash before a quote, or whether # begins a comment:
// there the rest of the statement becomes one question mark. Text in double quotes is a name in
// some databases and a string in others. It is kept only if the Type of c's [Target] is postgres,
// postgresql, pgx or cockroach. Errors are not rewritten: the database's message may repeat a
// literal or an argument.
func HideLiterals(c gaptrace.Call, statement string) string {
	request, ok := c.Request.(*Request)
	dbType := ""
	if ok && request.Target != nil {
		dbType = request.Target.Type
	}
	return sqltext.HideLiterals(statement, dbType)
}
