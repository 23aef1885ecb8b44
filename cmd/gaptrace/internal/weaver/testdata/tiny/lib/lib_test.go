package lib

import "testing"

func TestMade(t *testing.T) {
	if !Made {
		t.Error("not woven")
	}
}
