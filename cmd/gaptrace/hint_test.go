package main

import "testing"

func TestAHintIsWhatMightHaveBeenMeant(t *testing.T) {
	for name, test := range map[string]struct {
		wanted string
		names  []string
		want   string
	}{
		"a letter too few":  {"bokshop", []string{"bookshop", "supplier"}, `; did you mean "bookshop"?`},
		"other case":        {"BOOKSHOP", []string{"bookshop"}, `; did you mean "bookshop"?`},
		"nothing like it":   {"payment", []string{"bookshop", "supplier"}, `; there are "bookshop", "supplier"`},
		"nothing there":     {"payment", nil, ""},
		"the best of these": {"shop-a", []string{"shop-bb", "shop-b"}, `; did you mean "shop-b"?`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hint(test.wanted, test.names); got != test.want {
				t.Error(got)
			}
		})
	}
}

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]int64{
		"1000": 1000, "1kB": 1000, "1KiB": 1024, "1.5 MB": 1_500_000, "2G": 2 << 30, "0": 0, "10b": 10,
	} {
		var s size
		if err := s.Set(text); err != nil || s.bytes != want || !s.given {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "much", "-1", "1e30", "NaN", "1 EB"} {
		if err := new(size).Set(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
