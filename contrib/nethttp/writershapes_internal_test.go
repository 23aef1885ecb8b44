package nethttp

import (
	"reflect"
	"testing"
)

func TestShapeIsThatOfItsKey(t *testing.T) {
	for want, shape := range shapes {
		if got := abilitiesOf(shape(nil)); got != want {
			t.Errorf("%T has %011b, want %011b", shape(nil), got, want)
		}
	}
}

// TestShapeHoldsOneWriter checks what as relies on: in a shape is nothing but a pointer to the
// writer. If the shape can write strings, it is a *textWriter.
func TestShapeHoldsOneWriter(t *testing.T) {
	w := &textWriter{}
	for can, shape := range shapes {
		want := reflect.ValueOf(&w.responseWriter)
		if can&canWriteString != 0 {
			want = reflect.ValueOf(w)
		}
		got := reflect.ValueOf(shape(w))
		for got.Kind() == reflect.Struct && got.NumField() == 1 {
			got = got.Field(0)
		}
		if got.Type() != want.Type() || got.Pointer() != want.Pointer() {
			t.Errorf("%T holds a %v at %#x, want a %v at %#x", shape(w), got.Type(), got.Pointer(), want.Type(), want.Pointer())
		}
	}
}

// TestShapeOfEverySet checks that a set without its own shape loses at most WriteString, Push and
// the deadlines, and ReadFrom if it has FlushError. It may gain Unwrap in place of the deadlines.
func TestShapeOfEverySet(t *testing.T) {
	for can := range abilities(1 << 11) {
		got := abilitiesOf(shaped(&textWriter{}, can))
		if got == can {
			continue
		}
		droppable := canWriteString | canPush | canDeadlines
		if can&canFlushError != 0 {
			droppable |= canReadFrom
		}
		if got&^canUnwrap != can&^droppable&^canUnwrap || can&canUnwrap > got&canUnwrap {
			t.Errorf("the shape for %011b has %011b", can, got)
		}
		if got&canUnwrap > can&canUnwrap && can&canDeadlines == 0 {
			t.Errorf("%011b unwraps as %011b", can, got)
		}
	}
}
