// Package gapredis records the commands of github.com/go-redis/redis/v8 as OpenTracing spans.
//
//	import gapredis "github.com/gaptrace/gaptrace/contrib/redis"
//
//	client := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr}))
//
// A command is recorded if its context carries a span, as the context of a request under
// nethttp.WrapHandler does. Its span is a child of that span. With [gaptrace.WithRoots], commands
// without a parent are recorded as well.
//
// # Spans
//
//	redis get       a command, by its name in lower case; "redis ?" if its first argument
//	                cannot be a name
//	redis pipeline  the commands of one Exec; also a Ring's transaction
//	redis tx        MULTI, the commands, EXEC
//	redis receive   Receive, ReceiveTimeout or ReceiveMessage of what WrapPubSub returned
//
// A span covers the whole time in which its caller was blocked. That includes the wait for a pooled
// connection, retries with the back-off between them, and a cluster's redirections:
//
//	caller      work |------------------- blocked -------------------| work
//	redis get        | pool | dial, TLS, AUTH, SELECT | send, answer |
//
// A command of a ClusterClient or a Ring is one span, however many nodes it goes to. Watch,
// ForEachShard and MasterForKey use the clients of single nodes. The commands of these clients are
// spans with the node's address.
//
// A command that blocks in the server, such as BLPOP, is one wait. The commands of a PubSub, such
// as SUBSCRIBE, end when they are sent: Receive waits for the answer.
//
// # Tags
//
//	component       go-redis
//	span.kind       client
//	db.type         redis
//	db.instance     number of the database; of a cluster, only in spans of single nodes
//	db.statement    the command's name and its keys, and ? for every other argument; for a
//	                pipeline, one line for each of its first 64 commands
//	peer.address    the server's address, if the client has only one; not if Redis Sentinel
//	                chooses it
//	redis.commands  pipeline, tx: number of commands, without MULTI and EXEC
//	redis.errors    pipeline, tx: number of commands that failed, including errors that
//	                gaptrace.WithExpected accepts
//	redis.failed    pipeline, tx: name of the first command that failed
//	error           true if the command, or a command of the pipeline, failed
//	abandoned       true if a panic ended the call
//	wait.*          see package gaptrace
//
// redis.Nil and redis.TxFailedErr are not failures. Spans of [NewHook], of [WrapPubSub], of a Conn
// and of a SentinelClient have neither db.instance nor peer.address: these do not say which server
// they use.
//
// The Request of a [gaptrace.Call] is the redis.Cmder. For a pipeline it is the []redis.Cmder, with
// the MULTI and EXEC that go-redis adds. For a Receive method it is the *redis.PubSub.
//
// docs/redis.md describes failures, [gaptrace.WithPhases], clusters, Pub/Sub, and what is not
// recorded.
package gapredis
