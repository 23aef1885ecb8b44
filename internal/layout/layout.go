// Package layout compares struct types before package unsafe reads one as the other.
package layout

import "reflect"

// Same reports whether a and b are structs with fields of the same types at the same offsets.
func Same(a, b reflect.Type) bool {
	if a.Kind() != reflect.Struct || b.Kind() != reflect.Struct || a.NumField() != b.NumField() || a.Size() != b.Size() {
		return false
	}
	for i := range a.NumField() {
		if x, y := a.Field(i), b.Field(i); x.Type != y.Type || x.Offset != y.Offset {
			return false
		}
	}
	return true
}
