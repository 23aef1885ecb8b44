package gap

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// compareSpans orders spans of a trace by everything in them. It returns zero only for identical
// spans, so a choice between two spans does not depend on the order in which they came.
func (p *processes) compareSpans(a, b *Span) int {
	c := cmp.Or(
		a.Start.Compare(b.Start), cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.SpanID, b.SpanID),
	)
	if c != 0 {
		return c // nearly always, since only spans with one id need the rest
	}
	process := 0
	if a.Process != b.Process {
		process = cmp.Compare(p.machine(a.Process).rank, p.machine(b.Process).rank)
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

func compareReferences(a, b Reference) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), a.TraceID.Compare(b.TraceID), cmp.Compare(a.SpanID, b.SpanID))
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
	// bool, values of two types, and types that Field does not allow
	return cmp.Compare(fmt.Sprintf("%T %v", a, a), fmt.Sprintf("%T %v", b, b))
}

// compareNodes orders by start, then the longest first, then by content.
func (p *processes) compareNodes(a, b *node) int {
	switch {
	case a.start != b.start:
		return cmp.Compare(a.start, b.start)
	case a.end != b.end:
		return cmp.Compare(b.end, a.end)
	case a.id != b.id:
		return cmp.Compare(a.id, b.id)
	}
	return p.compareSpans(a.span, b.span)
}
