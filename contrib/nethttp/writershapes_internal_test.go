package nethttp

import "testing"

func TestShapesHaveTheirAbilities(t *testing.T) {
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

// TestEverySetOfAbilitiesHasAShape checks that a set without its own shape loses at most
// WriteString, Push and the deadlines, and ReadFrom if it has FlushError.
func TestEverySetOfAbilitiesHasAShape(t *testing.T) {
	for can := range abilities(1 << 11) {
		droppable := canWriteString | canPush | canDeadlines
		if can&canFlushError != 0 {
			droppable |= canReadFrom
		}
		got := abilitiesOf(shaped(&textWriter{}, can))
		if got != can && (got&^canUnwrap != can&^droppable&^canUnwrap || got&^can&^canUnwrap != 0 || can&canUnwrap > got&canUnwrap) {
			t.Errorf("the shape for %011b has %011b", can, got)
		}
		if got&canUnwrap > can&canUnwrap && can&canDeadlines == 0 {
			t.Errorf("%011b unwraps as %011b", can, got)
		}
	}
}
