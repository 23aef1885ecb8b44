package nethttp

import "testing"

func TestShapeIsThatOfItsKey(t *testing.T) {
	for want, shape := range shapes {
		if got := abilitiesOf(shape(nil)); got != want {
			t.Errorf("%T has %011b, want %011b", shape(nil), got, want)
		}
	}
	for want, shape := range textShapes {
		if got := abilitiesOf(shape(nil)); got != want {
			t.Errorf("%T has %011b, want %011b", shape(nil), got, want)
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
