// Package redact is what wrappers made with package wrap may show of statements and errors. It
// removes credentials, by the rules of docs/secrets.md. If in doubt, it redacts.
//
//	call.Statement(redact.SQL(statement, "postgresql"))
//	_, err := db.ExecContext(ctx, statement)
//	call.Finish(redact.SQLError(err, statement))
package redact

import (
	"sync"
	"sync/atomic"

	"github.com/gaptrace/gaptrace/internal/redact/redis"
	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// Error returns an error that a call's Fail and Finish record with the text that redact returns for
// err's. Use it if the text of err may hold a secret. The recorded kind is err's, and the hook of
// WithExpected gets err. Error returns nil if err is nil.
func Error(err error, redact func(text string) string) error {
	if err == nil {
		return nil
	}
	return spanutil.Redacted(err, redact)
}

// Unquoted returns text up to its first quotation mark, for errors that quote what was sent.
func Unquoted(text string) string { return redis.Unquoted(text) }

// SQL returns statement as a span may show it. Most statements stay the same. If one has a word
// that comes with credentials, or a URL with a secret, it loses its literals, and its names after
// them.
//
// dbType is the tag db.type, such as "postgresql" or "mysql": databases disagree about what is a
// literal. Statements that repeat are remembered, so that SQL costs less than the search.
func SQL(statement, dbType string) string {
	show := func(statement string) string { return sqltext.Statement(statement, dbType) }
	known := knownOf(dbType)
	if known == nil || len(statement) > spanutil.MaxValue {
		return show(statement)
	}
	return known.Show(statement, show).String()
}

// shown remembers statements by the type of their database. Programs use few types, but any caller
// may choose one.
var (
	shown      sync.Map // of string to *spanutil.Texts
	shownTypes atomic.Int32
)

const maxTypes = 16

// knownOf returns nil if there are too many types.
func knownOf(dbType string) *spanutil.Texts {
	if known, ok := shown.Load(dbType); ok {
		return known.(*spanutil.Texts)
	}
	if shownTypes.Add(1) > maxTypes {
		shownTypes.Add(-1)
		return nil
	}
	known, loaded := shown.LoadOrStore(dbType, new(spanutil.Texts))
	if loaded {
		shownTypes.Add(-1)
	}
	return known.(*spanutil.Texts)
}

// SQLError is Error for an error of a database that got statement. If the statement may hold a
// credential, the text ends before it could repeat one.
func SQLError(err error, statement string) error {
	return Error(err, func(text string) string { return sqltext.Error(text, statement) })
}

// Command is what is known of a Redis command by its name.
type Command struct{ known *redis.Command }

// Redis returns the Command with these arguments, of which the first is its name. It reads only the
// name.
func Redis(args []any) Command { return Command{redis.Lookup(args)} }

// Name returns the command's name in lower case, with its subcommand: "get", "object encoding". It
// returns "?" for a first argument that cannot be a name, since that may be anything.
func (c Command) Name() string { return c.known.Name }

// Operation returns the name for the command's span: "redis get".
func (c Command) Operation() string { return c.known.Operation }

// AppendTo appends the statement of the command to b: its name and its keys, with ? for every other
// argument.
func (c Command) AppendTo(b []byte, args []any) []byte { return c.known.AppendTo(b, args) }

// ServerError is Error for an error that the server has answered to the command. Its text ends
// where it begins to repeat arguments.
func (c Command) ServerError(err error) error {
	return Error(err, func(text string) string { return redis.ServerError(text, c.known.CodeOnly) })
}
