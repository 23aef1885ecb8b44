package spanutil

import (
	"fmt"
	"testing"
)

func TestUnits(t *testing.T) {
	saved := further.tags
	defer func() { further.tags = saved }()
	for _, u := range []Unit{Uncounted, Bytes, Rows, Messages} {
		if got := UnitNamed(u.String()); got != u {
			t.Errorf("unit %q is %d, want %d", u, got, u)
		}
	}
	for range 2 {
		for i := len(saved); i < maxUnits+10; i++ {
			tag := fmt.Sprint("unit ", i)
			want := tag
			if i >= maxUnits-int(builtin) {
				want = "" // there are too many
			}
			if got := UnitNamed(tag).String(); got != want {
				t.Errorf("unit %q is %q", tag, got)
			}
		}
	}
}
