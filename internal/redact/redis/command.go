// Package redis returns what a span may show of a Redis command: its name, its keys, and the
// beginning of its error.
package redis

import (
	"strings"
	"sync"
)

// Command is what is known of a command by its name, or by its name and subcommand.
type Command struct {
	Operation string // names the span: "redis object"
	Name      string // begins the statement: "object encoding"
	words     int    // how many arguments are the name: 1, or 2 with a subcommand
	keys      keys
	CodeOnly  bool // record only an error's code: its text may repeat a password, or be a script's own
	container bool // the next argument should be a subcommand
}

// unknown is the Command for arguments whose first cannot be a command's name.
var unknown = &Command{Operation: "redis ?", Name: "?", words: 1, CodeOnly: true}

const maxWord = 32 // bytes; a longer word is no command's name

// Lookup returns the command with these arguments, of which the first is its name. For a command
// that is not in the list, no keys are known. A first argument that cannot be a name is not shown,
// since it may be anything.
func Lookup(args []any) *Command {
	var buf [2*maxWord + 1]byte
	b, ok := appendWord(buf[:0], arg(args, 0))
	if !ok {
		return unknown
	}
	c := commands()[string(b)]
	if c == nil {
		name := string(b)
		return &Command{Operation: "redis " + name, Name: name, words: 1, CodeOnly: true}
	}
	if c.container {
		b, _ = appendWord(append(b, ' '), arg(args, 1))
		if sub := commands()[string(b)]; sub != nil {
			return sub
		}
	}
	return c
}

// appendWord appends arg in lower case, and reports whether it may be a command's name.
func appendWord(b []byte, arg any) (with []byte, ok bool) {
	start := len(b)
	switch arg := arg.(type) {
	case string:
		b = append(b, arg[:min(len(arg), maxWord+1)]...)
	case []byte:
		b = append(b, arg[:min(len(arg), maxWord+1)]...)
	}
	word := b[start:]
	for i, c := range word {
		switch {
		case 'A' <= c && c <= 'Z':
			word[i] = c - 'A' + 'a'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return b, false
		}
	}
	return b, 0 < len(word) && len(word) <= maxWord
}

// commands returns the list as a map by name. It is built at the first call, not at import.
var commands = sync.OnceValue(func() map[string]*Command {
	byName := make(map[string]*Command)
	for _, group := range list {
		for name := range strings.FieldsSeq(group.names) {
			name, sub, isSub := strings.Cut(name, "|")
			c := &Command{Operation: "redis " + name, Name: name, words: 1, keys: group.keys, CodeOnly: group.codeOnly}
			if isSub {
				c.Name, c.words = name+" "+sub, 2
			}
			byName[c.Name] = c
		}
	}
	for name := range byName {
		if name, _, isSub := strings.Cut(name, " "); isSub {
			byName[name].container = true
		}
	}
	return byName
})

// list groups the commands of Redis 7.0 by the positions of their keys, from its COMMAND and
// COMMAND GETKEYS (https://redis.io/docs/latest/develop/reference/key-specs/). A channel is a key
// to go-redis's own cmdFirstKeyPos, and is shown as one.
var list = []struct {
	keys     keys
	codeOnly bool
	names    string
}{
	{names: `
		asking bgrewriteaof bgsave dbsize discard echo exec failover flushall flushdb info keys lastsave
		lolwut monitor multi ping psubscribe psync punsubscribe quit randomkey readonly readwrite replconf
		replicaof reset role save scan select shutdown slaveof subscribe swapdb sync time unsubscribe
		unwatch wait
		client client|caching client|getname client|getredir client|id client|info client|kill
		client|list client|no-evict client|pause client|reply client|setname client|tracking
		client|trackinginfo client|unblock client|unpause
		cluster cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|count-failure-reports
		cluster|countkeysinslot cluster|delslots cluster|delslotsrange cluster|failover
		cluster|flushslots cluster|forget cluster|getkeysinslot cluster|info cluster|keyslot
		cluster|links cluster|meet cluster|myid cluster|nodes cluster|replicas cluster|replicate
		cluster|reset cluster|saveconfig cluster|set-config-epoch cluster|setslot cluster|shards
		cluster|slaves cluster|slots
		command command|count command|docs command|getkeys command|getkeysandflags command|info command|list
		latency latency|doctor latency|graph latency|histogram latency|history latency|latest latency|reset
		memory memory|doctor memory|malloc-stats memory|purge memory|stats
		object
		pubsub pubsub|channels pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub
		slowlog slowlog|get slowlog|len slowlog|reset
		xgroup xinfo`},
	{codeOnly: true, names: `
		auth debug hello migrate
		module module|list module|load module|loadex module|unload
		acl acl|cat acl|deluser acl|dryrun acl|genpass acl|getuser acl|list acl|load acl|log acl|save
		acl|setuser acl|users acl|whoami
		config config|get config|resetstat config|rewrite config|set
		sentinel sentinel|ckquorum sentinel|failover sentinel|flushconfig
		sentinel|get-master-addr-by-name sentinel|master sentinel|masters sentinel|monitor
		sentinel|remove sentinel|reset sentinel|sentinels sentinel|set sentinel|slaves
		function function|delete function|dump function|flush function|kill function|list function|load
		function|restore function|stats
		script script|debug script|exists script|flush script|kill script|load`},
	{keys: keys{first: 1, last: 1, step: 1}, names: `
		append bitcount bitfield bitfield_ro bitpos decr decrby dump expire expireat expiretime geoadd
		geodist geohash geopos georadius_ro georadiusbymember_ro geosearch get getbit getdel getex getrange
		getset hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset
		hsetnx hstrlen hvals incr incrby incrbyfloat lindex linsert llen lpop lpos lpush lpushx lrange lrem
		lset ltrim move persist pexpire pexpireat pexpiretime pfadd psetex pttl publish restore
		restore-asking rpop rpush rpushx sadd scard set setbit setex setnx setrange sismember smembers
		smismember sort_ro spop spublish srandmember srem sscan strlen substr ttl type xack xadd xautoclaim
		xclaim xdel xlen xpending xrange xrevrange xsetid xtrim zadd zcard zcount zincrby zlexcount zmscore
		zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrank zrem zremrangebylex
		zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore`},
	{keys: keys{first: 1, last: 2, step: 1}, names: `
		blmove brpoplpush copy geosearchstore lcs lmove rename renamenx rpoplpush smove zrangestore`},
	{keys: keys{first: 1, last: -1, step: 1}, names: `
		del exists mget pfcount pfmerge sdiff sdiffstore sinter sinterstore ssubscribe sunion sunionstore
		sunsubscribe touch unlink watch`},
	{keys: keys{first: 1, last: -2, step: 1}, names: `blpop brpop bzpopmax bzpopmin`},
	{keys: keys{first: 1, last: -1, step: 2}, names: `mset msetnx`},
	{keys: keys{first: 2, last: -1, step: 1}, names: `bitop`},
	{keys: keys{first: 2, last: 2, step: 1}, names: `
		memory|usage object|encoding object|freq object|idletime object|refcount
		xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid
		xinfo|consumers xinfo|groups xinfo|stream`},
	{keys: keys{count: 1}, names: `lmpop sintercard zdiff zinter zintercard zmpop zunion`},
	{keys: keys{count: 2}, names: `blmpop bzmpop`},
	{keys: keys{count: 2}, codeOnly: true, names: `eval eval_ro evalsha evalsha_ro fcall fcall_ro`},
	{keys: keys{first: 1, last: 1, step: 1, count: 2}, names: `zdiffstore zinterstore zunionstore`},
	{keys: keys{word: "streams", from: 1}, names: `xread`},
	{keys: keys{word: "streams", from: 4}, names: `xreadgroup`},
	{keys: keys{first: 1, last: 1, step: 1, word: "store", from: 2}, names: `sort`},
	{keys: keys{first: 1, last: 1, step: 1, word: "store", from: 5}, names: `georadiusbymember`},
	{keys: keys{first: 1, last: 1, step: 1, word: "store", from: 6}, names: `georadius`},
}
