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

var update = flag.Bool("update", false, "write testdata/methods.txt anew")

// noSpan maps each method that reaches the network and draws nothing to its row in doc.go.
var noSpan = map[string]string{
	"Subscribe":                "Subscribe(ctx, channels…)",
	"PSubscribe":               "Subscribe(ctx, channels…)",
	"Channel":                  "Channel",
	"ChannelSize":              "Channel",
	"ChannelWithSubscriptions": "Channel",
	"ReloadState":              "ReloadState",
}

// owners makes a value of each of methodTypes, connected to a real server.
type owners struct {
	tracer   *spantest.Tracer
	written  atomic.Int64 // to any connection
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

// methodTypes are the types, by their names in testdata/methods.txt.
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
	options := gaptrace.WithTracer(o.tracer)
	immortal := []string{"--rename-command", "SHUTDOWN", "dont"}
	binary62, binary7 := servers.Redis62(t), servers.Redis7(t)
	client := func(name string, c redis.UniversalClient) {
		gapredis.Wrap(c, options)
		t.Cleanup(func() { c.Close() })
		o.byName[name] = func(_ *testing.T, ctx context.Context, use func(any)) {
			c.Set(ctx, "k", "v", 0)
			use(c)
		}
	}

	single, _ := servers.RedisFrom(t, binary7, immortal...)
	client("Client", redis.NewClient(&redis.Options{Addr: single, Dialer: o.dial}))
	plain := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: single, Dialer: o.dial}), options)
	t.Cleanup(func() { plain.Close() })
	o.scripter = plain
	client("UniversalClient", redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{single}, Dialer: o.dial}))
	master, _ := servers.RedisFrom(t, binary7, immortal...)
	sentinel := servers.Sentinel(t, binary7, "shop", master)
	failover := redis.FailoverOptions{MasterName: "shop", SentinelAddrs: []string{sentinel}, Dialer: o.dial}
	client("FailoverClient", redis.NewFailoverClient(&failover))
	client("FailoverClusterClient", redis.NewFailoverClusterClient(&failover))
	var nodes []string
	for _, m := range cluster(t, immortal...) {
		nodes = append(nodes, m.Options().Addr)
	}
	client("ClusterClient", redis.NewClusterClient(&redis.ClusterOptions{Addrs: nodes, Dialer: o.dial}))
	shards := map[string]string{}
	for _, name := range []string{"a", "b"} {
		shards[name], _ = servers.RedisFrom(t, binary62, immortal...)
	}
	client("Ring", redis.NewRing(&redis.RingOptions{Addrs: shards, HeartbeatFrequency: time.Hour, Dialer: o.dial}))

	asked := gapredis.Wrap(redis.NewSentinelClient(&redis.Options{Addr: sentinel, Dialer: o.dial}), options)
	t.Cleanup(func() { asked.Close() })
	o.byName["SentinelClient"] = func(_ *testing.T, ctx context.Context, use func(any)) { asked.Ping(ctx); use(asked) }
	o.byName["Conn"] = func(_ *testing.T, ctx context.Context, use func(any)) {
		conn := gapredis.Wrap(plain.Conn(ctx), options)
		defer conn.Close()
		conn.Set(ctx, "k", "v", 0)
		use(conn)
	}
	o.byName["Tx"] = func(t *testing.T, ctx context.Context, use func(any)) {
		must(t, plain.Watch(ctx, func(tx *redis.Tx) error {
			tx.Set(ctx, "k", "v", 0)
			use(tx)
			return nil
		}))
	}
	o.byName["Pipeline"] = func(_ *testing.T, ctx context.Context, use func(any)) {
		pipe := plain.Pipeline()
		pipe.Ping(ctx)
		use(pipe)
	}
	subscriptions := 0
	o.byName["PubSub"] = func(t *testing.T, ctx context.Context, use func(any)) {
		subscriptions++
		channel := fmt.Sprint("channel:", subscriptions) // the server may not know yet that the last one is closed
		sub := plain.Subscribe(ctx)
		defer sub.Close()
		must(t, sub.Subscribe(ctx, channel))
		for { // repeated, since the first message may be sent before the server has the subscription
			n, err := plain.Publish(ctx, channel, "v").Result()
			must(t, err)
			if n > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		use(gapredis.WrapPubSub(sub, options))
	}
	o.byName["Script"] = func(_ *testing.T, ctx context.Context, use func(any)) {
		plain.ScriptFlush(ctx)
		use(redis.NewScript("return 1"))
	}
	o.byName["ScanIterator"] = func(t *testing.T, ctx context.Context, use func(any)) {
		for i := range 20 {
			plain.Set(ctx, fmt.Sprint("scanned:", i), i, 0)
		}
		iterator := plain.Scan(ctx, 0, "none", 1).Iterator() // a page without keys: Next asks for the others
		use(iterator)
	}
	return o
}

// arguments returns the arguments for methods that do not work with those made from their
// parameters' types.
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

// argument returns a value of a parameter's type.
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

// drawn calls a method under a parent span. It returns the names of the spans drawn, or that the
// method wrote to no connection.
func (o *owners) drawn(t *testing.T, name, method string) (spans string) {
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
			spans = "nothing, see doc.go: " + noSpan[method]
		case spans == "" && o.written.Load() == written:
			spans = "nothing: writes to no connection"
		}
	})
	return spans
}

// last are methods that change a server or a client, so they are called last.
func last(method string) int {
	switch method {
	case "ClusterAddSlots", "ClusterAddSlotsRange", "ClusterDelSlots", "ClusterDelSlotsRange", "ClusterFailover", "ClusterForget",
		"ClusterReplicate", "ClusterResetHard", "ClusterResetSoft", "SlaveOf", "Failover":
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
	slices.SortStableFunc(names, func(a, b string) int { return last(a) - last(b) })
	return names
}

// TestEveryMethodDrawsWhatIsWrittenDown calls every method of every type, and compares the spans
// with testdata/methods.txt. A method that is new in go-redis fails with its name.
func TestEveryMethodDrawsWhatIsWrittenDown(t *testing.T) {
	const file = "testdata/methods.txt"
	text, err := os.ReadFile(file)
	must(t, err)
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		method, drawn, _ := strings.Cut(strings.TrimSpace(line), ": ")
		spans, names, _ := strings.Cut(drawn, "\t")
		for name := range strings.FieldsSeq(names) {
			known[name+"."+method] = spans
		}
	}
	for name, of := range methodTypes {
		for _, method := range methodsOf(of) {
			if known[name+"."+method] == "" && !*update {
				t.Errorf("%s.%s is not in %s: what does it draw?", name, method, file)
			}
		}
	}
	doc, err := os.ReadFile("doc.go")
	must(t, err)
	for method, row := range noSpan {
		if !strings.Contains(string(doc), "\n//	"+row+" ") {
			t.Errorf("doc.go has no row for %s: %q", method, row)
		}
	}

	o := startOwners(t)
	got := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(methodTypes)) {
		for _, method := range methodsOf(methodTypes[name]) {
			key := name + "." + method
			for range 3 { // a write may be go-redis's own, in the background
				if got[key] = o.drawn(t, name, method); got[key] != "" {
					break
				}
			}
			switch {
			case got[key] == "":
				t.Errorf("%s reaches the network and draws nothing", key)
			case got[key] != known[key] && !*update:
				t.Errorf("%s draws %q, in %s it is %q", key, got[key], file, known[key])
			}
		}
	}
	if !*update {
		return
	}
	types := map[string]string{} // by "method: spans"
	for _, key := range slices.Sorted(maps.Keys(got)) {
		name, method, _ := strings.Cut(key, ".")
		types[method+": "+got[key]] += " " + name
	}
	var b strings.Builder
	for _, drawn := range slices.Sorted(maps.Keys(types)) {
		fmt.Fprintf(&b, "%s\t%s\n", drawn, types[drawn][1:])
	}
	must(t, os.WriteFile(file, []byte(b.String()), 0o644))
}
