package gapredis_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-redis/redis/v8"
)

// TestServerErrorsAreRedacted sends arguments that the server repeats in its errors.
func TestServerErrorsAreRedacted(t *testing.T) {
	addr, tracer := servers.Redis(t), spantest.NewTracer()
	c := gapredis.Wrap(connect(t, addr), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	ctx := t.Context()
	for _, args := range [][]any{
		{"eval", "error(ARGV[1])", 0, "hunter2"},
		{"eval", "return redis.error_reply(ARGV[1])", 0, "hunter2"},
		{"eval", "return redis.error_reply('-'..ARGV[1])", 0, "hunter2"},
		{"eval", "return {err=ARGV[1]}", 0, "hunter2"},
		{"eval", "return redis.call(ARGV[1])", 0, "hunter2"},
		{"eval", "hunter2", 0},
		{"script", "load", "hunter2"},
		{"script", "hunter2"},
		{"function", "load", "#!lua name=hunter2\nhunter2"},
		{"function", "load", "#!hunter2 name=x\n"},
		{"fcall", "hunter2", 0, "hunter2"},
		{"hunter2", "hunter2"},
		{"acl", "setuser", "bob", "<hunter2"},
		{"config", "set", "hunter2", "hunter2"},
		{"xreadgroup", "group", "hunter2", "hunter2", "streams", "k", ">"},
		{"xgroup", "createconsumer", "k", "hunter2", "hunter2"},
		{"expire", "k", 5, "hunter2"},
		{"object", "hunter2", "k"},
		{"client", "kill", "type", "hunter2"},
		{"client", "tracking", "on", "bcast", "prefix", "hunter2", "prefix", "hunter2"},
		{"latency", "graph", "hunter2"},
		{"debug", "error", "hunter2"},
		{"memory", "hunter2"},
		{"command", "getkeys", "hunter2"},
	} {
		tracer.Reset()
		c.Do(ctx, args...)
		span := tracer.Spans()[0]
		if text := fmt.Sprint(span.Logs); span.Tags["error"] != true || strings.Contains(text, "hunter2") {
			t.Errorf("%v: error=%v %s", args, span.Tags["error"], text)
		}
	}
}

// TestStatementKeys compares the keys that statements show with what COMMAND GETKEYS returns.
func TestStatementKeys(t *testing.T) {
	c := connect(t, servers.Redis(t))
	ctx := t.Context()
	if info := c.Info(ctx, "server").Val(); !strings.Contains(info, "redis_version:7.0.") {
		t.Skip("skipped: this server is not Redis 7.0, whose commands are listed")
	}
	commands, err := c.Do(ctx, "command").Slice()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	var compare func(infos []any)
	compare = func(infos []any) {
		for _, info := range infos {
			info := info.([]any)
			name, arity := strings.ReplaceAll(info[0].(string), "|", " "), info[1].(int64)
			for extra := range int64(5) {
				if arity > 0 && extra > 0 {
					break
				}
				args := words(name)
				for i := int64(len(args)); i < max(arity, -arity)+extra; i++ {
					args = append(args, "k"+string(rune('a'+i)))
				}
				sameKeys(t, ctx, c, args)
				compared++
			}
			compare(info[9].([]any)) // its subcommands
		}
	}
	compare(commands)
	for _, sent := range []string{
		"eval s 2 k l v", "eval_ro s 1 k v", "evalsha s 1 k", "evalsha_ro s 0 v", "fcall f 1 k v", "fcall_ro f 1 k v",
		"zunionstore k 2 l m weights 1 2", "zinterstore k 1 l", "zdiffstore k 2 l m", "zunion 2 k l withscores",
		"zinter 1 k", "zdiff 2 k l", "zintercard 2 k l limit 5", "sintercard 1 k", "lmpop 2 k l left", "zmpop 1 k min",
		"blmpop 0 2 k l left", "bzmpop 0 1 k min", "xread count 2 block 5 streams k l 0 0",
		"xreadgroup group streams c noack streams k l > >", "sort k by w limit 0 5 get p store l", "sort k desc alpha",
		"sort_ro k by w", "georadius k 1 2 3 m withcoord store l", "georadiusbymember k m 3 m storedist l",
		"georadius_ro k 1 2 3 m", "mset k v l w", "msetnx k v", "blpop k l 5", "bitop not k l", "object freq k",
		"memory usage k samples 5", "xinfo stream k full", "xgroup setid k g 0", "copy k l",
		"geosearchstore k l frommember m bybox 1 2 m",
	} {
		sameKeys(t, ctx, c, words(sent))
		compared++
	}
	if compared < 1000 {
		t.Errorf("only %d commands compared", compared)
	}
}

// different are commands for which the server returns other keys: MIGRATE may hold a password,
// channels are keys to go-redis, and PFDEBUG is for Redis's own tests.
var different = []string{"migrate", "publish", "spublish", "ssubscribe", "sunsubscribe", "pfdebug"}

// containers are commands with subcommands.
var containers = strings.Fields(
	"acl client cluster command config function latency memory module object pubsub script slowlog xgroup xinfo")

func sameKeys(t *testing.T, ctx context.Context, c *redis.Client, args []any) {
	if slices.Contains(different, args[0].(string)) {
		return
	}
	keys, err := c.Do(ctx, append([]any{"command", "getkeys"}, args...)...).StringSlice()
	if err != nil && err.Error() == "ERR Invalid arguments specified for command" {
		return // the server does not know either
	}
	shown := strings.Fields(statement(t, args...))[1:]
	shown = slices.DeleteFunc(shown, func(s string) bool { return s == "?" })
	if len(shown) > 0 && shown[0] == args[1] && slices.Contains(containers, args[0].(string)) {
		shown = shown[1:] // the subcommand
	}
	slices.Sort(shown) // the server may return a destination first
	slices.Sort(keys)
	if !slices.Equal(shown, keys) {
		t.Errorf("%v: shown %v, the server returns %v, %v", args, shown, keys, err)
	}
}
