// Package elasticsearch records the calls of go-elasticsearch v8 in a program that gaptrace build
// has built, as package contrib/elasticsearch does. It covers every client. One that is wrapped by
// hand is recorded by that wrapper alone.
package elasticsearch
