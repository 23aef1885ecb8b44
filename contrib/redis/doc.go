// Package gapredis records the commands of github.com/go-redis/redis/v8. A command, pipeline or
// transaction under a span becomes a child span that covers exactly the time its caller was blocked.
//
//	import gapredis "github.com/gaptrace/gaptrace/contrib/redis"
//
//	client := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr}))
//
// # Spans
//
//	redis get       a command, named in lower case; "redis ?" where what was sent is no name
//	redis pipeline  the commands of one Exec; a Ring's transaction, too, which its hook does not know
//	redis tx        MULTI, commands, EXEC
//	redis receive   a Receive of what [WrapPubSub] returned
//
// Each has one wait, its whole length: waiting for a connection of the pool, dialling, TLS, AUTH
// and SELECT, retries with the back-off between them, a cluster's redirections, and the answer.
// A command that blocks in the server, such as BLPOP, is such a wait. A PubSub's commands, such as
// SUBSCRIBE, are sent and not waited for: their answers are received.
//
// # Tags
//
//	component       go-redis
//	span.kind       client
//	db.type         redis
//	db.instance     the number of the database; of a Client, a Ring or a node
//	db.statement    name and keys, ? for every other argument; a line for each of a pipeline's
//	                first 64 commands
//	peer.address    the address of a Client, unless sentinels choose it, and of a node to
//	                which the command was sent directly
//	redis.commands  pipeline, tx: how many commands, without MULTI and EXEC
//	redis.errors    pipeline, tx: how many of them failed, with those that
//	                [gaptrace.WithExpected] knows
//	redis.failed    pipeline, tx: the name of the first that did
//	error           true if the command failed, or one of the pipeline's
//
// Keys are found where Redis documents them for its own commands, up to Redis 7.0. Of a command
// that is not among these, as a module's, only the name is shown, and so of MIGRATE. Scripts are ?.
//
// redis.Nil and redis.TxFailedErr are no failures. The error of a pipeline is the first of its
// commands'. An error the server answered is recorded up to where it begins to repeat arguments,
// followed by ?: "NOGROUP No such key ?". Some errors may say anything: those of scripts and
// functions, of AUTH, HELLO, ACL, CONFIG, DEBUG, MIGRATE, MODULE and SENTINEL, and of commands that
// are not among Redis 7.0's own. Of these only the code is recorded, if there is one in capital
// letters, or "ERR unknown command". WithExpected is still given the redis.Error itself.
//
// The Request of a [gaptrace.Call] is the redis.Cmder, or of a pipeline the []redis.Cmder with
// MULTI and EXEC as go-redis adds them, or of a Receive the *redis.PubSub.
//
// # Phases
//
// With [gaptrace.WithPhases] a span logs the dials of its call (dns_start, dns_done, connect_start, connect_done) and, as
// retry, that go-redis sets out to try once more, with the number of the attempt: before the back-off, after an error that
// may pass, and at a cluster's redirections. A failover client that asks its sentinels once more is such a retry, too, and
// so is one of another client, not wrapped, that a Dialer, OnConnect or a hook uses under the call's context. A hook
// that was added later and derives a context, as by context.WithTimeout, hides the retries.
//
// A dial is told by net's own dialler: with Options.TLSConfig go-redis gives that no context, and so there are no logs of
// it; nor are there with an Options.Dialer that does not.
//
// # Clusters and rings
//
// [Wrap] also wraps the nodes of a ClusterClient and the shards of a Ring. A command of the cluster
// is one span, however many nodes it goes to. A command that is sent to a node directly has a span
// of its own, with the node's address:
//
//	method or command                spans
//	Watch                            "redis watch", the commands of its function's Tx,
//	                                 "redis unwatch"
//	ForEachShard, -Master, -Slave    the commands of their function
//	MasterForKey, SlaveForKey        the commands of the client that they return
//	CLUSTER SLOTS                    "redis cluster" if one of the methods above needed it,
//	                                 otherwise part of the command that needed it
//	a failover cluster's sentinels   "redis sentinel", likewise
//	COMMAND                          part of the command that needed it
//
// Wrap adds its hook to the client that ClusterOptions.NewClient returns, if that client has not
// been used yet. Otherwise, and for a ring's shards, it replaces the client by a copy that shares
// the connections.
//
// To also draw each node's part of a command, wrap the client in ClusterOptions.NewClient or
// RingOptions.NewClient. The span of a node's part of a ClusterClient's pipeline has no errors; the
// cluster's span has them. After a redirection, go-redis may run the same commands on two nodes at
// once. So in a function given to [gaptrace.WithOperation], WithTags or WithFilter, read only the
// arguments of such commands, not their results.
//
// # What a hook does not see
//
//	client.Conn(ctx)            Has none of the client's hooks: wrap it as well. Its spans
//	                            lack address and database.
//	PubSub                      Bypasses all hooks: use [WrapPubSub].
//	Subscribe(ctx, channels…)   Sends SUBSCRIBE before its PubSub can be wrapped. Call it
//	                            without channels, wrap the result, then subscribe. A
//	                            Ring's requires channels.
//	Channel                     A goroutine of go-redis receives the messages. When the
//	                            caller waits for one is not known.
//	AUTH, SELECT, OnConnect     Part of the command that needed the connection. A span
//	                            started in Options.Dialer or OnConnect from the context
//	                            given there is its child.
//	sentinels                   Asked by go-redis's own client: part of the command that
//	                            needed the connection.
//	ClusterOptions.ClusterSlots The caller's own function. It gets the call's context.
//	PoolStats                   Has no context, so it draws nothing. A ClusterClient's may
//	                            load the slots.
//	ReloadState                 Runs in the background, where nobody waits. So do heartbeats,
//	                            latency measurements, and dials for MinIdleConns.
//
// All other methods of go-redis that reach the network are drawn; testdata/methods.txt lists them.
//
// Hooks that were added after this one run inside of the call, and go-redis does not tell a hook how long they took:
// their work is covered as if it were waiting. Wrap a client last.
//
// Go-redis gives a hook no chance to see a panic, as of a Dialer, pass by. The span of such a
// call is finished when the garbage collector finds it, tagged abandoned: up to 32 calls are found
// together, when the last of them has ended. Until then the same command value, used again, is not
// recorded anew.
package gapredis
