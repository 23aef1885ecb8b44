package layout_test

import (
	"reflect"
	"testing"

	"github.com/gaptrace/gaptrace/internal/layout"
)

func TestSame(t *testing.T) {
	type tag struct {
		Key   string
		Value any
	}
	want := reflect.TypeFor[tag]()
	for _, c := range []struct {
		other any
		same  bool
	}{
		{struct {
			key   string
			value any
		}{}, true},
		{struct {
			value any
			key   string
		}{}, false},
		{struct{ key string }{}, false},
		{struct {
			key   string
			value error
		}{}, false},
		{struct {
			key   string
			value any
			last  struct{}
		}{}, false},
		{"a string", false},
	} {
		other := reflect.TypeOf(c.other)
		if layout.Same(want, other) != c.same || layout.Same(other, want) != c.same {
			t.Errorf("Same(%v, %v) is not %v", want, other, c.same)
		}
	}
}
