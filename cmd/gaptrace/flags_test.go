package main

import "testing"

func TestSizeFlag(t *testing.T) {
	for text, want := range map[string]size{
		"1000": 1000, "1kB": 1000, "1KiB": 1024, "1.5 MB": 1_500_000, "2G": 2e9, "2Gi": 2 << 30, "0": -1, "10b": 10,
	} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "much", "-1", "1e30", "NaN", "10 EB", "100 EB"} {
		if err := new(size).Set(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
