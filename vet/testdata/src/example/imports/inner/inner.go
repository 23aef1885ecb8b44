// Package inner is imported by path.
package inner

func Do() {}
