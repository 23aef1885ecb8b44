package gapsql

import (
	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
)

// HideLiterals is a function for [gaptrace.WithStatement]. It replaces every literal in statement
// by a question mark: strings, numbers, TRUE and FALSE, but not NULL. It drops comments, since they
// may hold literals too. It truncates a statement of more than 16 KiB.
//
// If SQL dialects disagree about where a literal or comment ends, the rest of the statement becomes
// one question mark. Examples are a backslash before a quote, and a # that may begin a comment.
// Text in double quotes is a name in some databases and a string in others. It is kept only if the
// Type of c's [Target] is postgres, postgresql, pgx or cockroach.
//
// Errors are not rewritten: the database's message may repeat a literal or an argument.
func HideLiterals(c gaptrace.Call, statement string) string {
	request, ok := c.Request.(*Request)
	dbType := ""
	if ok && request.Target != nil {
		dbType = request.Target.Type
	}
	return sqltext.HideLiterals(statement, dbType)
}
