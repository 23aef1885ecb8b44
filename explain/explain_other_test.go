//go:build !linux

package explain_test

func threadIDs() []int32 { return []int32{1, 2} }
