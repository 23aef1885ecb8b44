package main

import (
	"testing"

	"example.com/tiny/lib"
)

func TestMain(m *testing.M) { m.Run() }

func TestPlain(t *testing.T) {
	if !lib.Check() {
		t.Error("not woven")
	}
}
