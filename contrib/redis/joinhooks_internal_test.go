package gapredis

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/go-redis/redis/v8"
)

// otherHook is a hook of somebody else.
type otherHook struct{ redis.Hook }

func TestWovenHookYields(t *testing.T) {
	byHand := newHook(nil)
	second := newHook(nil)
	woven := newHook([]gaptrace.Option{options.Woven})
	node := woven.nodeHook()
	other := otherHook{}
	names := map[redis.Hook]string{byHand: "by hand", second: "second", woven: "woven", node: "node", other: "other"}
	for _, c := range []struct {
		hooks []redis.Hook
		added *hook
		want  []string
	}{
		{nil, woven, []string{"woven"}},
		{[]redis.Hook{other}, woven, []string{"other", "woven"}},
		{[]redis.Hook{woven, other}, byHand, []string{"other", "by hand"}}, // it stays after other hooks
		{[]redis.Hook{other, byHand}, woven, []string{"other", "by hand"}},
		{[]redis.Hook{byHand}, second, []string{"by hand", "second"}}, // as AddHook does
		{[]redis.Hook{woven}, node, []string{"node"}},
	} {
		before := slices.Clone(c.hooks)
		var got []string
		for _, h := range c.added.JoinHooks(c.hooks) {
			got = append(got, names[h])
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s joins %v: got %v, want %v", names[c.added], c.hooks, got, c.want)
		}
		if !slices.Equal(c.hooks, before) {
			t.Errorf("%s joins: the hooks of copies of the client have changed", names[c.added])
		}
	}
}

func TestHooksOfClient(t *testing.T) {
	woven := newHook([]gaptrace.Option{options.Woven})
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	client.AddHook(woven)
	if byHand, found := hooksOf(client); byHand != nil || found != woven || hasHook(client) {
		t.Errorf("a client with a woven hook has the hooks %v and %v", byHand, found)
	}
	Wrap(client)
	byHand, _ := hooksOf(client)
	if byHand == nil || byHand.replaced != woven || !hasHook(client) {
		t.Errorf("a client that is also wrapped by hand has the hook %v", byHand)
	}
}
