// Package redis records the commands of go-redis v8 in a program that gaptrace build has built, as
// package contrib/redis does. It covers every client, cluster, ring, sentinel client and Conn. One
// that is wrapped by hand, or has a hook of contrib/redis, is recorded by that hook alone.
package redis
