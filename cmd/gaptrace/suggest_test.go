package main

import "testing"

func TestSuggestService(t *testing.T) {
	for name, test := range map[string]struct {
		unknown string
		names   []string
		want    string
	}{
		"missing letter": {"bokshop", []string{"bookshop", "supplier"}, `; did you mean "bookshop"?`},
		"other case":     {"BOOKSHOP", []string{"bookshop"}, `; did you mean "bookshop"?`},
		"not similar":    {"payment", []string{"bookshop", "supplier"}, `; services are: "bookshop", "supplier"`},
		"no services":    {"payment", nil, ""},
		"best of two":    {"shop-a", []string{"shop-bb", "shop-b"}, `; did you mean "shop-b"?`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := suggestService(test.unknown, test.names); got != test.want {
				t.Error(got)
			}
		})
	}
}
