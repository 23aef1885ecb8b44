package gapredis_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
)

// record calls a hook for a command that fails with err, without a client, and returns its span.
func record(t testing.TB, err error, args ...any) *spantest.Span {
	tracer := spantest.NewTracer()
	hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(tracer))
	cmd := redis.NewCmd(t.Context(), args...)
	ctx, _ := hook.BeforeProcess(t.Context(), cmd)
	cmd.SetVal("the reply")
	cmd.SetErr(err)
	_ = hook.AfterProcess(ctx, cmd)
	if problems := tracer.Problems(); problems != nil || len(tracer.Spans()) != 1 {
		t.Fatal(tracer.Tree())
	}
	return tracer.Spans()[0]
}

func statement(t testing.TB, args ...any) string {
	s, _ := record(t, nil, args...).Tags["db.statement"].(string)
	return s
}

// words returns the words of s as arguments.
func words(s string) (args []any) {
	for word := range strings.FieldsSeq(s) {
		args = append(args, word)
	}
	return args
}

func TestStatement(t *testing.T) {
	for sent, shown := range map[string]string{
		"ping":                                  "ping",
		"GET k":                                 "get k",
		"get":                                   "get",
		"set k v ex 5":                          "set k ? ? ?",
		"mset k v l w":                          "mset k ? l ?",
		"del k l m":                             "del k l m",
		"blpop k l 5":                           "blpop k l ?",
		"rename k l":                            "rename k l",
		"bitop and k l m":                       "bitop ? k l m",
		"object encoding k":                     "object encoding k",
		"OBJECT Encoding k":                     "object encoding k",
		"object k":                              "object ?",
		"object":                                "object",
		"config set requirepass x":              "config set ? ?",
		"xgroup create k g $":                   "xgroup create k ? ?",
		"publish channel message":               "publish channel ?",
		"eval s 2 k l v":                        "eval ? ? k l ?",
		"eval s 0 v":                            "eval ? ? ?",
		"eval s 3 v w":                          "eval ? ? ? ?",
		"eval s -1 v w":                         "eval ? ? ? ?",
		"eval s many v w":                       "eval ? ? ? ?",
		"eval s":                                "eval ?",
		"zunionstore k 2 l m weights 1 2":       "zunionstore k ? l m ? ? ?",
		"xread count 2 streams k l 0 0":         "xread ? ? ? k l ? ?",
		"xread streams k l 0":                   "xread ? ? ? ?",
		"xreadgroup group g c STREAMS k 0":      "xreadgroup ? ? ? ? k ?",
		"xreadgroup group streams c streams k":  "xreadgroup ? ? ? ? ?",
		"sort k by w get p store l":             "sort k ? ? ? ? ? l",
		"sort k by store m":                     "sort k ? ? ?",
		"sort k by store get store m store l":   "sort k ? ? ? ? ? ? l",
		"sort k store":                          "sort k ?",
		"georadius k 1 2 3 m store l":           "georadius k ? ? ? ? ? l",
		"georadiusbymember k m 3 m STOREDIST l": "georadiusbymember k ? ? ? ? l",
		"migrate h 1 k 0 5 auth x":              "migrate ? ? ? ? ? ? ?",
		"ft.search index query":                 "ft.search ? ?",
		"FT.Search index query":                 "ft.search ? ?",
		"user:7 get":                            "? ?",
		"a-name-longer-than-any-command-there-is x": "? ?",
	} {
		if got := statement(t, words(sent)...); got != shown {
			t.Errorf("%s: %q, want %q", sent, got, shown)
		}
	}
	for _, test := range []struct {
		args  []any
		shown string
	}{
		{nil, "?"},
		{[]any{""}, "?"},
		{[]any{7, "k"}, "? ?"},
		{[]any{[]byte("GET"), []byte("k")}, "get k"},
		{[]any{"mget", 1, int64(-2), uint64(3), true, nil, marshaler{t}}, "mget 1 -2 3 ? ? ?"},
		{[]any{"eval", "s", 1, "k"}, "eval ? ? k"},
		{[]any{"eval", "s", int64(1), "k"}, "eval ? ? k"},
		{[]any{"eval", "s", marshaler{t}, "k"}, "eval ? ? ?"},
		{[]any{"xread", []byte("Streams"), "k", 0}, "xread ? k ?"},
	} {
		if got := statement(t, test.args...); got != test.shown {
			t.Errorf("%v: %q, want %q", test.args, got, test.shown)
		}
	}
}

// marshaler is an argument whose methods only go-redis may call.
type marshaler struct{ t testing.TB }

func (m marshaler) MarshalBinary() ([]byte, error) {
	m.t.Error("the wrapper called MarshalBinary")
	return nil, nil
}

func (m marshaler) String() string {
	m.t.Error("the wrapper called String")
	return ""
}

func TestOperation(t *testing.T) {
	for sent, operation := range map[string]string{
		"GET k": "redis get", "object encoding k": "redis object", "Ft.Search k": "redis ft.search",
		"": "redis ?", "user:7": "redis ?", "naïve": "redis ?", strings.Repeat("x", 10<<20): "redis ?",
	} {
		if got := record(t, nil, words(sent)...).Operation; got != operation {
			t.Errorf("%.20s: %q, want %q", sent, got, operation)
		}
	}
}

type serverError string

func (e serverError) Error() string { return string(e) }
func (serverError) RedisError()     {}

func TestSecretsAreRedacted(t *testing.T) {
	const secret = "hunter2"
	for _, sent := range []string{
		"auth hunter2", "AUTH user hunter2", "hello 3 auth user hunter2", "config set requirepass hunter2",
		"acl setuser bob >hunter2", "migrate h 1 k 0 5 auth hunter2", "migrate h 1 hunter2 0 5 keys k",
		"eval hunter2 1 k hunter2", "sentinel set m auth-pass hunter2", "set k hunter2", "hunter2:get k", "acl hunter2",
		"auht hunter2", "config hunter2", "HELLO 3 AUTH default hunter2 SETNAME n",
		"ACL SETUSER bob on >hunter2 ~*", "acl setuser bob #hunter2",
		"config set masterauth hunter2 requirepass hunter2", "CONFIG SET tls-key-file-pass hunter2",
		"migrate h 1 k 0 5 AUTH2 user hunter2 KEYS a", "SENTINEL SET m auth-pass hunter2",
		"sentinel set m auth-user hunter2", "sentinel config set sentinel-pass hunter2",
		"module load /m.so hunter2", "MODULE LOADEX /m.so CONFIG a hunter2", "function load hunter2",
		"debug set hunter2",
		"config rewrite hunter2", "replconf hunter2", "ping hunter2", "echo hunter2", "client setname hunter2",
	} {
		for _, answer := range []string{
			"ERR unknown command 'x', with args beginning with: 'hunter2'",
			"ERR unknown command `hunter2`, with args beginning with: ",
			"ERR Unknown subcommand or wrong number of arguments for 'hunter2'. Try ACL HELP.",
			"ERR unknown subcommand 'hunter2'. Try CONFIG HELP.",
			"ERR Error in ACL SETUSER modifier '>hunter2': Syntax error",
			"ERR CONFIG SET failed (possibly related to argument 'hunter2')",
			"ERR cannot log in with password=hunter2",
			"ERR cannot reach redis://user:hunter2@h:6379/0",
		} {
			span := record(t, serverError(answer), words(sent)...)
			if text := fmt.Sprint(span.Operation, span.Tags, span.Logs); strings.Contains(text, secret) {
				t.Errorf("%s, answered %s: %s", sent, answer, text)
			}
		}
	}
}

func message(span *spantest.Span) string {
	for _, field := range span.Logs[0].Fields {
		if field.Key() == "message" {
			return fmt.Sprint(field.Value())
		}
	}
	return ""
}

func TestErrorWithoutArguments(t *testing.T) {
	for _, test := range []struct{ sent, answer string }{
		{"get k", "WRONGTYPE Operation against a key holding the wrong kind of value"},
		{"set k v", "READONLY You can't write against a read only replica."},
		{"set k v", "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."},
		{"mget k l", "CROSSSLOT Keys in request don't hash to the same slot"},
		{"get k", "MOVED 866 127.0.0.1:7001"},
		{"get k", "ASK 866 127.0.0.1:7001"},
		{"exec", "EXECABORT Transaction discarded because of previous errors."},
		{"get k", "ERR"},
		{"get k", ""},
	} {
		if got := message(record(t, serverError(test.answer), words(test.sent)...)); got != test.answer {
			t.Errorf("%s, answered %q: %q", test.sent, test.answer, got)
		}
	}
}

func TestErrorIsRedacted(t *testing.T) {
	const repeated = ", with args beginning with: 'hunter2'"
	backquoted := strings.ReplaceAll(repeated, "'", "`")
	for _, test := range []struct{ sent, answer, shown string }{
		{
			"xreadgroup group hunter2 c streams k >",
			"NOGROUP No such key 'k' or consumer group 'hunter2' in XREADGROUP with GROUP option",
			"NOGROUP No such key ?",
		},
		{
			"set k v", "OOM command not allowed when used memory > 'maxmemory'.",
			"OOM command not allowed when used memory > ?",
		},
		{"get k hunter2", "ERR wrong number of arguments for 'get' command", "ERR wrong number of arguments for ?"},
		{"client kill hunter2", "ERR syntax error near \"hunter2\"", "ERR syntax error near ?"},
		{"client tracking hunter2", "'hunter2' overlaps", "?"},
		{"expire k 5 hunter2", "ERR Unsupported option hunter2", "ERR Unsupported option ?"},
		{
			"geoadd k 200 95 m", "ERR invalid longitude,latitude pair 200.000000,95.000000",
			"ERR invalid longitude,latitude pair ?",
		},
		{"cluster forget hunter2", "ERR Unknown node hunter2", "ERR Unknown node ?"},
		{
			"cluster meet hunter2 1", "ERR Invalid node address specified: hunter2:1",
			"ERR Invalid node address specified: ?",
		},
		{"no.such hunter2", "ERR unknown command `no.such`" + backquoted + ", ", "ERR unknown command ?"},
		{"config set requirepass hunter2", "ERR unknown command 'config'" + repeated, "ERR unknown command ?"},
		{"acl setuser bob <hunter2", "ERR Error in ACL SETUSER modifier '<hunter2': no such password", "ERR ?"},
		{"module load /m.so hunter2", "ERR Error loading the extension with hunter2", "ERR ?"},
		{"ft.search i hunter2", "Syntax error at offset 7 near hunter2", "?"},
		{"ft.search i hunter2", "WRONGTYPE near hunter2", "WRONGTYPE ?"},
		{"eval s 0 hunter2", "ERR user_script:1: hunter2 script: f9cc, on @user_script:1.", "ERR ?"},
		{"eval s 0 hunter2", "ERR hunter2", "ERR ?"},
		{"eval_ro s 0 hunter2", "hunter2", "?"},
		{"evalsha f9cc 0 hunter2", "hunter2 too many", "?"},
		{"evalsha f9cc 0", "NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT ?"},
		{"evalsha_ro f9cc 0 hunter2", "LOCKED by hunter2", "LOCKED ?"},
		{"fcall f 0 hunter2", "ERR hunter2", "ERR ?"},
		{"fcall_ro f 0 hunter2", " hunter2", "?"},
		{"script load hunter2(", "ERR Error compiling script (new function): user_script:1: hunter2", "ERR ?"},
		{"function load hunter2", "ERR Library hunter2 already exists", "ERR ?"},
	} {
		if got := message(record(t, serverError(test.answer), words(test.sent)...)); got != test.shown {
			t.Errorf("%s, answered %q: %q, want %q", test.sent, test.answer, got, test.shown)
		}
	}
	wrapped := fmt.Errorf("cache: %w", serverError("ERR syntax error near 'hunter2'"))
	if got := message(record(t, wrapped, "get", "k")); got != "cache: ERR syntax error near ?" {
		t.Errorf("wrapped: %q", got)
	}
	if got := message(record(t, errors.New("can't dial 'host'"), "get", "k")); got != "can't dial 'host'" {
		t.Errorf("an error without secrets reads %q", got)
	}
}

func TestUnparsableAnswerIsRedacted(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	if err := c.Set(t.Context(), "k", "hunter2", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []redis.Cmder{
		redis.NewFloatCmd(t.Context(), "get", "k"),
		redis.NewIntCmd(t.Context(), "get", "k"),
		redis.NewStringSliceCmd(t.Context(), "get", "k"),
		redis.NewXMessageSliceCmd(t.Context(), "get", "k"),
	} {
		tracer.Reset()
		if err := c.Process(t.Context(), cmd); err == nil {
			t.Errorf("%T: no error", cmd)
			continue
		}
		tree := tracer.Tree()
		failed := strings.Contains(tree, "error=true") && strings.Contains(tree, "pars")
		if !failed || strings.Contains(tree, "hunter2") {
			t.Errorf("%T: %s", cmd, tree)
		}
	}
	for text, want := range map[string]string{
		`redis: can't parse array reply: "$7\r\nhunter2"`:   "redis: can't parse array reply: ?",
		`redis: can't parse reply="hunter2" reading string`: "redis: can't parse reply=?",
		"redis: connection pool timeout":                    "redis: connection pool timeout",
		"read tcp 10.0.0.1:1->10.0.0.2:2: connection reset": "read tcp 10.0.0.1:1->10.0.0.2:2: connection reset",
	} {
		if got := message(record(t, errors.New(text), "get", "k")); got != want {
			t.Errorf("%s is recorded as %s", text, got)
		}
	}
}

func TestStatementIsBounded(t *testing.T) {
	huge := strings.Repeat("x", 10<<20)
	many := make([]any, 1<<20)
	for i := range many {
		many[i] = "member"
	}
	many[0] = "sadd"
	for name, args := range map[string][]any{
		"value": {"set", "k", huge}, "key": {"get", huge}, "key of bytes": {"get", []byte(huge)}, "name": {huge},
		"script": {"eval", huge, 1, "k"}, "count": {"eval", "s", huge, "k"}, "members": many,
		"invalid": {"get", strings.Repeat("\xff", 10<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := statement(t, args...)
			runtime.ReadMemStats(&after)
			if len(got) > 4096 || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid %t", len(got), utf8.ValidString(got))
			}
			if truncated := len(got) > 100 || name == "invalid"; truncated && !strings.HasSuffix(got, "[cut]") {
				t.Errorf("truncated, but not marked: …%q", got[len(got)-20:])
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
				t.Errorf("%d bytes allocated", took)
			}
		})
	}
}

func TestFailedNameIsRedacted(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	if _, err := c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Do(t.Context(), "my hunter2", "k")
		return nil
	}); err == nil {
		t.Error("no error")
	}
	if tree := tracer.Tree(); strings.Contains(tree, "hunter2") || !strings.Contains(tree, "redis.failed=? ") {
		t.Error(tree)
	}
}

func TestPipelineStatement(t *testing.T) {
	for count, lines := range map[int]int{1: 1, 64: 64, 65: 65, 1000: 65} {
		peer, tracer := newPeer(t), spantest.NewTracer()
		c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
		_, err := c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
			for range count {
				p.Set(t.Context(), "k", "v", 0)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		tags := tracer.Spans()[0].Tags
		got := strings.Split(tags["db.statement"].(string), "\n")
		if tags["redis.commands"] != count || len(got) != lines || got[0] != "set k ?" {
			t.Errorf("%d commands: redis.commands=%v and %d lines", count, tags["redis.commands"], len(got))
		}
		if last := got[len(got)-1]; count > 64 && last != fmt.Sprintf("… %d more", count-64) {
			t.Errorf("%d commands end with %q", count, last)
		}
	}
}
