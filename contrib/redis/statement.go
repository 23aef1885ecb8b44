package gapredis

import (
	"strconv"

	redacted "github.com/gaptrace/gaptrace/internal/redact/redis"
	"github.com/go-redis/redis/v8"
)

const maxCommands = 64 // how many commands of a pipeline its statement shows

func commandOf(cmd redis.Cmder) *redacted.Command { return redacted.Lookup(cmd.Args()) }

// arg returns argument i of cmd, or nil if it has none.
func arg(cmd redis.Cmder, i int) any {
	if args := cmd.Args(); i < len(args) {
		return args[i]
	}
	return nil
}

// appendCommands appends the statements of a pipeline, a line each.
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
