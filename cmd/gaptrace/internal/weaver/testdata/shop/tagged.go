//go:build hand && tagged

package main

import "github.com/gaptrace/gaptrace"

var options = []gaptrace.Option{tagged}
