package gapredis

import (
	"errors"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/wrap/redact"
	"github.com/go-redis/redis/v8"
)

const maxCommands = 64 // how many commands of a pipeline its statement shows

func commandOf(cmd redis.Cmder) redact.Command { return redact.Redis(cmd.Args()) }

// appendCommands appends the statement of a pipeline, one line for each command.
func appendCommands(b []byte, cmds []redis.Cmder) []byte {
	for i, cmd := range cmds {
		if i > 0 {
			b = append(b, '\n')
		}
		if i == maxCommands {
			b = append(b, "… "...)
			b = strconv.AppendInt(b, int64(len(cmds)-i), 10)
			return append(b, " more"...)
		}
		b = commandOf(cmd).AppendTo(b, cmd.Args())
	}
	return b
}

// unwrapMultiExec reports whether cmds is a transaction. If it is, queued lacks the MULTI and EXEC
// that go-redis adds.
func unwrapMultiExec(cmds []redis.Cmder) (queued []redis.Cmder, tx bool) {
	last := len(cmds) - 1
	if last < 1 || !isCommand(cmds[0], "multi") || !isCommand(cmds[last], "exec") {
		return cmds, false
	}
	return cmds[1:last], true
}

func isCommand(cmd redis.Cmder, name string) bool { return commandOf(cmd).Name() == name }

// failureOf returns cmd's error, redacted, or nil if cmd did not fail. redis.Nil says that a key
// does not exist, and redis.TxFailedErr that a watched key changed. Neither is a failure.
func failureOf(cmd redis.Cmder) error {
	err := cmd.Err()
	if err == nil || errors.Is(err, redis.Nil) || errors.Is(err, redis.TxFailedErr) {
		return nil
	}
	return redactError(err, commandOf(cmd))
}

// redactError removes from err's text the arguments and answers that the server or go-redis repeats
// in it.
func redactError(err error, of redact.Command) error {
	if answer := redis.Error(nil); errors.As(err, &answer) {
		return of.ServerError(err)
	}
	return redact.Error(err, func(text string) string {
		number := (*strconv.NumError)(nil)
		if strings.HasPrefix(text, "redis: ") || errors.As(err, &number) {
			return redact.Unquoted(text) // go-redis quotes an answer that it cannot parse
		}
		return text
	})
}
