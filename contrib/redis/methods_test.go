package gapredis_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

var update = flag.Bool("update", false, "rewrite testdata/methods.txt")

// noSpan maps each method that reaches the network and is not recorded to its row in docs/redis.md.
var noSpan = map[string]string{
	"Subscribe":                "Subscribe(ctx, channels…)",
	"PSubscribe":               "Subscribe(ctx, channels…)",
	"Channel":                  "Channel",
	"ChannelSize":              "Channel",
	"ChannelWithSubscriptions": "Channel",
	"ReloadState":              "ReloadState",
}

// owners makes values of methodTypes, connected to real servers.
type owners struct {
	tracer   *spantest.Tracer
	written  atomic.Int64 // number of writes, to any connection
	scripter redis.Scripter
	byName   map[string]func(t *testing.T, ctx context.Context, use func(value any))
}

func (o *owners) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return writtenConn{conn, &o.written}, err
}

type writtenConn struct {
	net.Conn
	written *atomic.Int64
}

func (c writtenConn) Write(p []byte) (int, error) {
	c.written.Add(1)
	return c.Conn.Write(p)
}

// methodTypes are the types whose methods are called, by their names in testdata/methods.txt.
var methodTypes = map[string]reflect.Type{
	"Client":                reflect.TypeFor[*redis.Client](),
	"FailoverClient":        reflect.TypeFor[*redis.Client](),
	"UniversalClient":       reflect.TypeFor[redis.UniversalClient](),
	"ClusterClient":         reflect.TypeFor[*redis.ClusterClient](),
	"FailoverClusterClient": reflect.TypeFor[*redis.ClusterClient](),
	"Ring":                  reflect.TypeFor[*redis.Ring](),
	"SentinelClient":        reflect.TypeFor[*redis.SentinelClient](),
	"Conn":                  reflect.TypeFor[*redis.Conn](),
	"Tx":                    reflect.TypeFor[*redis.Tx](),
	"Pipeline":              reflect.TypeFor[*redis.Pipeline](),
	"PubSub":                reflect.TypeFor[*gapredis.PubSub](),
	"Script":                reflect.TypeFor[*redis.Script](),
	"ScanIterator":          reflect.TypeFor[*redis.ScanIterator](),
}

// startOwners starts the servers. SHUTDOWN is renamed, so that no method can stop them.
func startOwners(t *testing.T) *owners {
	o := &owners{tracer: spantest.NewTracer(), byName: map[string]func(*testing.T, context.Context, func(any)){}}
	immortal := []string{"--rename-command", "SHUTDOWN", "dont"}
	binary62, binary7 := servers.Redis62(t), servers.Redis7(t)

	single, _ := servers.RedisFrom(t, binary7, immortal...)
	o.client(t, "Client", redis.NewClient(&redis.Options{Addr: single, Dialer: o.dial}))
	plain := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: single, Dialer: o.dial}), gaptrace.WithTracer(o.tracer))
	t.Cleanup(func() { plain.Close() })
	o.scripter = plain
	o.ownedBy(plain)
	universal := &redis.UniversalOptions{Addrs: []string{single}, Dialer: o.dial}
	o.client(t, "UniversalClient", redis.NewUniversalClient(universal))

	master, _ := servers.RedisFrom(t, binary7, immortal...)
	sentinel := servers.Sentinel(t, binary7, "shop", master)
	failover := redis.FailoverOptions{MasterName: "shop", SentinelAddrs: []string{sentinel}, Dialer: o.dial}
	o.client(t, "FailoverClient", redis.NewFailoverClient(&failover))
	o.client(t, "FailoverClusterClient", redis.NewFailoverClusterClient(&failover))
	watcher := redis.NewSentinelClient(&redis.Options{Addr: sentinel, Dialer: o.dial})
	gapredis.Wrap(watcher, gaptrace.WithTracer(o.tracer))
	t.Cleanup(func() { watcher.Close() })
	o.byName["SentinelClient"] = func(_ *testing.T, ctx context.Context, use func(any)) {
		watcher.Ping(ctx)
		use(watcher)
	}

	var nodes []string
	for _, m := range cluster(t, immortal...) {
		nodes = append(nodes, m.Options().Addr)
	}
	o.client(t, "ClusterClient", redis.NewClusterClient(&redis.ClusterOptions{Addrs: nodes, Dialer: o.dial}))
	shards := map[string]string{}
	for _, name := range []string{"a", "b"} {
		shards[name], _ = servers.RedisFrom(t, binary62, immortal...)
	}
	o.client(t, "Ring", redis.NewRing(&redis.RingOptions{Addrs: shards, HeartbeatFrequency: time.Hour, Dialer: o.dial}))
	return o
}

// client adds a client by name.
func (o *owners) client(t *testing.T, name string, c redis.UniversalClient) {
	gapredis.Wrap(c, gaptrace.WithTracer(o.tracer))
	t.Cleanup(func() { c.Close() })
	o.byName[name] = func(_ *testing.T, ctx context.Context, use func(any)) {
		c.Set(ctx, "k", "v", 0)
		use(c)
	}
}

// ownedBy adds the values that are made by a client.
func (o *owners) ownedBy(c *redis.Client) {
	option := gaptrace.WithTracer(o.tracer)
	o.byName["Conn"] = func(_ *testing.T, ctx context.Context, use func(any)) {
		conn := gapredis.Wrap(c.Conn(ctx), option)
		defer conn.Close()
		conn.Set(ctx, "k", "v", 0)
		use(conn)
	}
	o.byName["Tx"] = func(t *testing.T, ctx context.Context, use func(any)) {
		check(t, c.Watch(ctx, func(tx *redis.Tx) error {
			tx.Set(ctx, "k", "v", 0)
			use(tx)
			return nil
		}))
	}
	o.byName["Pipeline"] = func(_ *testing.T, ctx context.Context, use func(any)) {
		pipe := c.Pipeline()
		pipe.Ping(ctx)
		use(pipe)
	}
	subscriptions := 0
	o.byName["PubSub"] = func(t *testing.T, ctx context.Context, use func(any)) {
		subscriptions++
		channel := fmt.Sprint("channel:", subscriptions) // the server may not know yet that the last one is closed
		sub := c.Subscribe(ctx)
		defer sub.Close()
		check(t, sub.Subscribe(ctx, channel))
		for { // repeated, since the first message may be sent before the server has the subscription
			n, err := c.Publish(ctx, channel, "v").Result()
			check(t, err)
			if n > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		use(gapredis.WrapPubSub(sub, option))
	}
	o.byName["Script"] = func(_ *testing.T, ctx context.Context, use func(any)) {
		c.ScriptFlush(ctx)
		use(redis.NewScript("return 1"))
	}
	o.byName["ScanIterator"] = func(_ *testing.T, ctx context.Context, use func(any)) {
		for i := range 20 {
			c.Set(ctx, fmt.Sprint("scanned:", i), i, 0)
		}
		iterator := c.Scan(ctx, 0, "none", 1).Iterator() // a page without keys: Next reads the other pages
		use(iterator)
	}
}

// arguments replaces those arguments of a method that are not valid if made from the parameter's
// type alone.
func arguments(method string, in []reflect.Value) []reflect.Value {
	switch method {
	case "Do":
		in[1] = reflect.ValueOf([]any{"ping"})
	case "Migrate": // no server listens there
		in[1], in[2] = reflect.ValueOf("127.0.0.1"), reflect.ValueOf("1")
	case "Wait", "ClientPause":
		in[len(in)-1] = reflect.ValueOf(time.Millisecond)
	case "GeoRadius", "GeoRadiusByMember":
		query := in[len(in)-1].Interface().(*redis.GeoRadiusQuery)
		query.Store, query.StoreDist = "", ""
	}
	return in
}

// argument returns an argument for a parameter of that type.
func (o *owners) argument(of reflect.Type, ctx context.Context) reflect.Value {
	value := reflect.New(of).Elem()
	switch of {
	case reflect.TypeFor[context.Context]():
		return reflect.ValueOf(&ctx).Elem()
	case reflect.TypeFor[time.Duration]():
		return reflect.ValueOf(time.Second)
	case reflect.TypeFor[time.Time]():
		return reflect.ValueOf(time.Now().Add(time.Hour))
	case reflect.TypeFor[redis.Hook]():
		return reflect.ValueOf(&otherHook{})
	case reflect.TypeFor[redis.Cmder]():
		return reflect.ValueOf(redis.NewCmd(ctx, "ping"))
	case reflect.TypeFor[redis.Scripter]():
		return reflect.ValueOf(o.scripter)
	case reflect.TypeFor[func(redis.Pipeliner) error]():
		return reflect.ValueOf(func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
	case reflect.TypeFor[func(*redis.Tx) error]():
		return reflect.ValueOf(func(tx *redis.Tx) error { return tx.Get(ctx, "k").Err() })
	case reflect.TypeFor[func(context.Context, *redis.Client) error]():
		return reflect.ValueOf(func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() })
	}
	switch of.Kind() {
	case reflect.String:
		value.SetString("k")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int64:
		value.SetInt(1)
	case reflect.Uint64:
		value.SetUint(1)
	case reflect.Float64:
		value.SetFloat(1)
	case reflect.Interface:
		value.Set(reflect.ValueOf("v"))
	case reflect.Pointer:
		value.Set(reflect.New(of.Elem()))
		value.Elem().Set(o.argument(of.Elem(), ctx))
	case reflect.Slice:
		if of.Elem().Kind() != reflect.Func { // options: none
			value.Set(reflect.Append(value, o.argument(of.Elem(), ctx)))
		}
	case reflect.Struct:
		for i := range of.NumField() {
			if of.Field(i).IsExported() {
				value.Field(i).Set(o.argument(of.Field(i).Type, ctx))
			}
		}
	default:
		panic(fmt.Sprintf("no argument of type %v: add one", of))
	}
	return value
}

// call calls a method under a parent span, and returns the operations of its spans. If it has no
// span, call returns why, or "" if the method wrote to a connection.
func (o *owners) call(t *testing.T, name, method string) (spans string) {
	o.byName[name](t, context.Background(), func(value any) {
		o.tracer.Reset()
		parent := o.tracer.StartSpan("parent")
		ctx := opentracing.ContextWithSpan(context.Background(), parent)
		call := reflect.ValueOf(value).MethodByName(method)
		var in []reflect.Value
		for of := range call.Type().Ins() {
			in = append(in, o.argument(of, ctx))
		}
		written := o.written.Load()
		panicked := func() (panicked any) {
			defer func() { panicked = recover() }()
			if in = arguments(method, in); call.Type().IsVariadic() {
				call.CallSlice(in)
			} else {
				call.Call(in)
			}
			return nil
		}()
		if panicked != nil && fmt.Sprint(panicked) != "not implemented" { // go-redis's Sync and Quit
			t.Errorf("%s.%s panics: %v", name, method, panicked)
		}
		var operations []string
		parent.Finish()
		for _, s := range o.tracer.Spans() {
			if s.ParentID != 0 {
				operations = append(operations, s.Operation)
			}
		}
		if problems := o.tracer.Problems(); problems != nil {
			t.Errorf("%s.%s: %v", name, method, problems)
		}
		switch spans = strings.Join(slices.Compact(operations), ", "); {
		case spans == "" && noSpan[method] != "":
			spans = "nothing, see docs/redis.md: " + noSpan[method]
		case spans == "" && o.written.Load() == written:
			spans = "nothing: writes to no connection"
		}
	})
	return spans
}

// order returns the sort key of a method: those that change a server or a client are called last.
func order(method string) int {
	switch method {
	case "ClusterAddSlots", "ClusterAddSlotsRange", "ClusterDelSlots", "ClusterDelSlotsRange", "ClusterFailover",
		"ClusterForget", "ClusterReplicate", "ClusterResetHard", "ClusterResetSoft", "SlaveOf", "Failover":
		return 1
	case "Close":
		return 2
	}
	return 0
}

func methodsOf(of reflect.Type) (names []string) {
	for method := range of.Methods() {
		names = append(names, method.Name)
	}
	slices.SortStableFunc(names, func(a, b string) int { return order(a) - order(b) })
	return names
}

const methodsFile = "testdata/methods.txt"

// TestMethods calls every method of every type, and compares the spans with testdata/methods.txt.
// It fails for a method that is new in go-redis. With -update it rewrites the file.
func TestMethods(t *testing.T) {
	known := readMethods(t)
	for name, of := range methodTypes {
		for _, method := range methodsOf(of) {
			if known[name+"."+method] == "" && !*update {
				t.Errorf("%s.%s is not in %s: add its spans with -update", name, method, methodsFile)
			}
		}
	}
	doc, err := os.ReadFile("../../docs/redis.md")
	check(t, err)
	for method, row := range noSpan {
		if !strings.Contains(string(doc), "\n| `"+row+"` |") {
			t.Errorf("docs/redis.md has no row for %s: %q", method, row)
		}
	}

	o := startOwners(t)
	got := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(methodTypes)) {
		for _, method := range methodsOf(methodTypes[name]) {
			key := name + "." + method
			for range 3 { // a write may be go-redis's own, in the background
				if got[key] = o.call(t, name, method); got[key] != "" {
					break
				}
			}
			switch {
			case got[key] == "":
				t.Errorf("%s writes to a connection and has no span", key)
			case got[key] != known[key] && !*update:
				t.Errorf("%s has the spans %q, in %s %q", key, got[key], methodsFile, known[key])
			}
		}
	}
	if *update {
		writeMethods(t, got)
	}
}

// readMethods returns the spans of each method in testdata/methods.txt, by "Type.Method".
func readMethods(t *testing.T) map[string]string {
	text, err := os.ReadFile(methodsFile)
	check(t, err)
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		method, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		spans, names, _ := strings.Cut(rest, "\t")
		for name := range strings.FieldsSeq(names) {
			known[name+"."+method] = spans
		}
	}
	return known
}

func writeMethods(t *testing.T, spans map[string]string) {
	types := map[string]string{} // by "Method: spans"
	for _, key := range slices.Sorted(maps.Keys(spans)) {
		name, method, _ := strings.Cut(key, ".")
		types[method+": "+spans[key]] += " " + name
	}
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(types)) {
		fmt.Fprintf(&b, "%s\t%s\n", line, types[line][1:])
	}
	check(t, os.WriteFile(methodsFile, []byte(b.String()), 0o644))
}
