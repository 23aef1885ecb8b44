// Package layout compares struct types before package unsafe reads one as the other.
package layout

import "reflect"

// Same reports whether a and b are structs with fields of the same types in the same order. Then
// their offsets are the same, too.
func Same(a, b reflect.Type) bool {
	if a.Kind() != reflect.Struct || b.Kind() != reflect.Struct || a.NumField() != b.NumField() {
		return false
	}
	for i := range a.NumField() {
		if a.Field(i).Type != b.Field(i).Type {
			return false
		}
	}
	return true
}
