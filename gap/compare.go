package gap

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// compareSpans orders spans of a trace by all that is in them. Spans for which it is zero are the same span. It is
// what makes the choice between two spans independent of the order in which they came.
func (p *processes) compareSpans(a, b *Span) int {
	if c := cmp.Or(a.Start.Compare(b.Start), cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.SpanID, b.SpanID)); c != 0 {
		return c // nearly always: the rest is looked at for spans of one id only
	}
	process := 0
	if a.Process != b.Process {
		process = cmp.Compare(p.machine(a.Process).process, p.machine(b.Process).process)
	}
	return cmp.Or(
		cmp.Compare(a.Operation, b.Operation),
		slices.CompareFunc(a.References, b.References, compareReferences),
		process,
		slices.CompareFunc(a.Tags, b.Tags, compareFields),
		slices.CompareFunc(a.Logs, b.Logs, compareLogs),
		slices.Compare(a.Warnings, b.Warnings),
	)
}

func compareTraceIDs(a, b TraceID) int {
	return cmp.Or(cmp.Compare(a.High, b.High), cmp.Compare(a.Low, b.Low))
}

func compareReferences(a, b Reference) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), compareTraceIDs(a.TraceID, b.TraceID), cmp.Compare(a.SpanID, b.SpanID))
}

func compareProcesses(a, b *Process) int {
	switch {
	case a == b:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Or(cmp.Compare(a.Service, b.Service), slices.CompareFunc(a.Tags, b.Tags, compareFields))
}

func compareLogs(a, b Log) int {
	return cmp.Or(a.Time.Compare(b.Time), slices.CompareFunc(a.Fields, b.Fields, compareFields))
}

func compareFields(a, b Field) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), compareValues(a.Value, b.Value))
}

func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b)
		}
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b)
		}
	case []byte:
		if b, ok := b.([]byte); ok {
			return bytes.Compare(a, b)
		}
	}
	// bool, values of two types, and what Field does not speak of
	return cmp.Compare(fmt.Sprintf("%T %v", a, a), fmt.Sprintf("%T %v", b, b))
}
