package report_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

var (
	reader = &gap.Process{Service: "reader"}
	shop   = &gap.Process{Service: "bookshop"}
)

// span returns a span from start to end, in milliseconds.
func span(id, parent gap.SpanID, p *gap.Process, kind, operation string, start, end float64) gap.Span {
	ms := func(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }
	s := gap.Span{
		TraceID: gap.TraceID{Low: 1}, SpanID: id, Process: p, Operation: operation,
		Start: time.Unix(1_800_000_000, 0).Add(ms(start)), Duration: ms(end - start),
		Tags: []gap.Field{{Key: "span.kind", Value: kind}},
	}
	if parent != 0 {
		s.References = []gap.Reference{{Type: gap.ChildOf, TraceID: s.TraceID, SpanID: parent}}
	}
	return s
}

func wait(id, call gap.SpanID, s gap.Span) gap.Span {
	s.SpanID, s.Operation = id, s.Operation+" wait"
	s.References = append(s.References, gap.Reference{Type: gap.FollowsFrom, TraceID: s.TraceID, SpanID: call})
	return s
}

// request returns the spans of a call to a handler that reads a cache, streams rows and renders
// them.
func request() []gap.Span {
	return []gap.Span{
		span(1, 0, reader, "client", "HTTP GET", 0, 100),
		span(2, 1, shop, "server", "HTTP GET /books/{id}", 10, 90),
		span(3, 2, shop, "client", "redis get", 10, 20),
		span(4, 2, shop, "client", "sql query", 30, 50),
		wait(5, 4, span(0, 2, shop, "client", "sql query", 60, 70)),
		span(6, 2, shop, "internal", "render", 80, 90),
		span(7, 2, shop, "client", "redis set", 70, 70.1),
	}
}

// fork returns the spans of a handler that asks for a price and for the stock at the same time. The
// critical path is in the stock, and a part of the call for it.
func fork() []gap.Span {
	spans := []gap.Span{
		span(1, 0, shop, "server", "GET", 0, 100),
		span(2, 1, shop, "internal", "price", 0, 30),
		span(3, 2, shop, "client", "sql query", 0, 10),
		span(4, 1, shop, "internal", "stock", 0, 80),
		span(5, 4, shop, "client", "HTTP GET", 0, 40),
		span(6, 5, &gap.Process{Service: "supplier"}, "server", "HTTP GET", 10, 30),
		span(7, 4, shop, "client", "redis set", 28, 80),
		span(8, 1, shop, "internal", "log", 27, 37),
	}
	spans[7].References[0].Type = gap.FollowsFrom
	return spans
}

// inTrace returns the spans with another trace id.
func inTrace(id uint64, spans []gap.Span) []gap.Span {
	spans = slices.Clone(spans)
	for i := range spans {
		s := &spans[i]
		s.TraceID.Low = id
		s.References = slices.Clone(s.References)
		for j := range s.References {
			s.References[j].TraceID.Low = id
		}
	}
	return spans
}

// someTraces returns a request, one that lacks spans, one with a skewed clock, two deep traces, a
// wide one and a single span.
func someTraces() [][]gap.Span {
	incomplete := request()[1:]
	skewed := request()
	skewed[0].Process = &gap.Process{Service: "reader", Tags: []gap.Field{{Key: "hostname", Value: "a"}}}
	other := &gap.Process{Service: "bookshop", Tags: []gap.Field{{Key: "hostname", Value: "b"}}}
	for i := range skewed[1:] {
		skewed[i+1].Process = other
		skewed[i+1].Start = skewed[i+1].Start.Add(1e9)
	}
	var traces [][]gap.Span
	for i, spans := range [][]gap.Span{
		request(), incomplete, skewed, chain(5), chain(300), fan(600), {span(1, 0, nil, "", "alone", 5, 6)},
	} {
		traces = append(traces, inTrace(uint64(i+1), spans))
	}
	return traces
}

func gather(o report.Options, traces [][]gap.Span) (*report.Report, *report.Stacks) {
	r, s := report.New(o), &report.Stacks{}
	for _, spans := range traces {
		t, warnings := gap.Build(spans)
		r.Add(t, warnings)
		s.Add(t)
	}
	return r, s
}

// chain returns n spans, each the child of the one before. The last has all the self time.
func chain(n int) []gap.Span {
	spans := make([]gap.Span, n)
	for i := range spans {
		spans[i] = span(gap.SpanID(i+1), gap.SpanID(i), shop, "server", fmt.Sprint("call ", i), 0, 10)
	}
	return spans
}

// fan returns a span with n children, one after the other. Only child 500 has a long self time.
func fan(n int) []gap.Span {
	spans := []gap.Span{span(1, 0, shop, "server", "root", 0, 2*float64(n)+100)}
	at := 0.0
	for i := range n {
		length := 1.0
		if i == 500 {
			length = 100
		}
		spans = append(spans, span(gap.SpanID(i+2), 1, shop, "server", fmt.Sprint("child ", i), at, at+length))
		at += length
	}
	return spans
}

// comb returns a server span with n client spans one after the other, with a gap after each.
func comb(n int) []gap.Span {
	spans := []gap.Span{span(1, 0, shop, "server", "root", 0, 2*float64(n))}
	for i := range n {
		spans = append(spans, span(gap.SpanID(i+2), 1, shop, "client", "call", float64(2*i), float64(2*i+1)))
	}
	return spans
}

// crowd returns a server span with children that overlap, outlive it, follow from it, or are in
// another process.
func crowd() []gap.Span {
	other := &gap.Process{Service: "other"}
	spans := []gap.Span{span(1, 0, shop, "server", "root", 0, 100)}
	for i := range gap.SpanID(40) {
		s := span(i+2, 1, shop, "client", "call", float64(i*3), float64(i*3+20))
		switch {
		case i%7 == 0:
			s.References[0].Type = gap.FollowsFrom
		case i%5 == 0:
			s.Process = other
		case i%3 == 0:
			s.References[0].SpanID = i + 1
		}
		spans = append(spans, s)
	}
	return spans
}
