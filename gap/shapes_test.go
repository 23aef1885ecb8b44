package gap_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

var shapes = map[string]func(n int) []gap.Span{
	// each span below the one before, and a microsecond shorter on both sides
	"chain": func(n int) []gap.Span {
		return shape(n, func(i int) (parent int, start, length int) { return i - 1, i, 2 * (n - i) })
	},
	// all below the first, one after the other, with gaps as long as they are
	"fan": func(n int) []gap.Span {
		return shape(n, func(i int) (parent int, start, length int) {
			if i == 0 {
				return -1, 0, 2 * n
			}
			return 0, 2 * i, 1
		})
	},
	// eight below each
	"tree": func(n int) []gap.Span {
		starts, lengths := make([]int, n), make([]int, n)
		return shape(n, func(i int) (parent int, start, length int) {
			starts[i], lengths[i] = 0, 1_000_000_000
			if i == 0 {
				return -1, starts[i], lengths[i]
			}
			parent = (i - 1) / 8
			starts[i] = starts[parent] + (i-1)%8*lengths[parent]/8
			lengths[i] = lengths[parent] / 9
			return parent, starts[i], lengths[i]
		})
	},
	// a handler calls databases and other services, which call others in turn; some calls overlap,
	// some have joined waits; 32 services with 10 operations each
	"realistic": realistic,
	// identical times, all below the first
	"alike": func(n int) []gap.Span {
		return shape(n, func(i int) (parent int, start, length int) { return min(i, 1) - 1, 0, 100 })
	},
	// a call with many later waits; as many servers below the call, each in half of a wait and half of
	// the time after it
	"waits": func(n int) []gap.Span {
		all := shape(n, func(i int) (parent int, start, length int) {
			switch k := i / 2; {
			case i == 0:
				return -1, 0, 2 * n
			case i == 1:
				return 0, 0, 1
			case i%2 == 0:
				return 0, 4 * k, 2
			default:
				return 1, 4*k + 1, 2
			}
		})
		for i := 1; i < n; i++ {
			all[i].Operation = "call"
			if i > 1 && i%2 == 0 {
				all[i].Operation = "call wait"
				all[i].References = append(all[i].References[:1:1], gap.Reference{Type: gap.FollowsFrom, SpanID: 2})
			}
		}
		return all
	},
	// calls one below the other, each with a later wait; no two of them wait for it at the same time
	"nested waits": func(n int) []gap.Span {
		levels := n / 2
		end := 6*levels + 10
		all := shape(n, func(i int) (parent int, start, length int) {
			level := (i + 1) / 2
			between := 2*levels + 1 + 3*level // the call ends
			switch {
			case i == 0:
				return -1, 0, end
			case i%2 == 1:
				return max(0, i-2), level, between - level
			default:
				return max(0, i-3), between + 1, end - level - between - 1
			}
		})
		for i := 1; i < n; i++ {
			all[i].Operation = "call"
			if i%2 == 0 {
				all[i].Operation = "call wait"
				all[i].References = append(all[i].References[:1:1],
					gap.Reference{Type: gap.FollowsFrom, SpanID: all[i-1].SpanID})
			}
		}
		return all
	},
	// each below the next, and the last below the first
	"cycle": func(n int) []gap.Span {
		return shape(n, func(i int) (parent int, start, length int) { return (i + 1) % n, i, 1 })
	},
}

func shape(n int, of func(i int) (parent, start, length int)) []gap.Span {
	all := make([]gap.Span, n)
	tags := []gap.Field{{Key: "component", Value: "net/http"}, {Key: "span.kind", Value: "server"}}
	references := make([]gap.Reference, n)
	for i := range all {
		parent, start, length := of(i)
		all[i] = gap.Span{
			SpanID: gap.SpanID(i + 1), Start: epoch.Add(time.Duration(start) * time.Microsecond),
			Duration: time.Duration(length) * time.Microsecond, Tags: tags,
		}
		if parent >= 0 {
			references[i].SpanID = gap.SpanID(parent + 1)
			all[i].References = references[i : i+1]
		}
	}
	return all
}

// realistic returns n spans of requests: below each server span are up to a dozen client spans,
// most of them one after the other. Some of these have a server span below them in turn.
func realistic(n int) []gap.Span {
	random := rand.New(rand.NewPCG(1, 5))
	var services []*gap.Process
	var operations []string
	for i := range 32 {
		services = append(services, &gap.Process{
			Service: fmt.Sprint("service-", i),
			Tags: []gap.Field{
				{Key: "hostname", Value: fmt.Sprint("host-", i)},
				{Key: "ip", Value: fmt.Sprint("10.0.0.", i)},
			},
		})
		operations = append(operations, fmt.Sprint("HTTP GET /resource/", i))
	}
	calls := []string{
		"sql query", "sql exec", "redis get", "redis pipeline", "elasticsearch search", "HTTP GET", "HTTP POST",
	}
	tags := func(kind string) []gap.Field {
		return []gap.Field{
			{Key: "component", Value: "net/http"},
			{Key: "peer.hostname", Value: "10.0.0.1"},
			{Key: "http.status_code", Value: int64(200)},
			{Key: "span.kind", Value: kind},
		}
	}
	server, client := tags("server"), tags("client")
	joined := append(tags("client"), gap.Field{Key: "wait.joined_us", Value: int64(1)})

	all := make([]gap.Span, 0, n)
	span := func(
		parent int, process *gap.Process, operation string, tags []gap.Field, start, length time.Duration,
	) int {
		s := gap.Span{
			SpanID: gap.SpanID(random.Uint64()), Operation: operation, Process: process, Tags: tags,
			Start: epoch.Add(start), Duration: length,
		}
		if parent >= 0 {
			s.References = []gap.Reference{{SpanID: all[parent].SpanID}}
		}
		all = append(all, s)
		return len(all) - 1
	}
	open := []int{span(-1, services[0], operations[0], server, 0, time.Minute)}
	for len(all) < n {
		i := random.IntN(len(open)) // a random one, so that the tree grows wide
		at := open[i]
		open[i] = open[len(open)-1]
		if open = open[:len(open)-1]; len(open) == 0 {
			open = append(open, 0)
		}
		process, from, to := all[at].Process, all[at].Start.Sub(epoch), all[at].Start.Sub(epoch)+all[at].Duration
		for range 4 + random.IntN(8) {
			if len(all) == n {
				break
			}
			length := 1000 + time.Duration(random.Int64N(1+int64(to-from)/6))
			start := from + time.Duration(random.Int64N(max(1, int64(to-from-length))))
			switch call := calls[random.IntN(len(calls))]; {
			case call[:4] == "HTTP" && len(all)+1 < n:
				c := span(at, process, call, client, start, length)
				s := span(c, services[random.IntN(len(services))], operations[random.IntN(10)], server, start+length/20,
					length*9/10)
				open = append(open, s)
			case length > 10_000 && random.IntN(10) == 0 && len(all)+1 < n:
				c := span(at, process, call, joined, start, length)
				w := span(at, process, call+" wait", client, start+length*11/10, length/2)
				all[w].References = append(all[w].References,
					gap.Reference{Type: gap.FollowsFrom, SpanID: all[c].SpanID})
			default:
				span(at, process, call, client, start, length)
			}
		}
	}
	return all
}
