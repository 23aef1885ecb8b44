package tracer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func TestTracestate(t *testing.T) {
	const parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n"
	var members []string
	for i := range 33 {
		members = append(members, fmt.Sprintf("k%d=v", i))
	}
	long := "k=" + strings.Repeat("v", 256)
	for name, test := range map[string]struct{ headers, want string }{
		"one": {parent + "tracestate: congo=t61rcWkgMzE", "congo=t61rcWkgMzE"},
		"several": {
			parent + "tracestate: a=1, b@c/d*=2\ntracestate: \ntracestate: ,c_-=3 3 ,",
			"a=1,b@c/d*=2,c_-=3 3",
		},
		"32 members": {
			parent + "tracestate: " + strings.Join(members[:32], ","),
			strings.Join(members[:32], ","),
		},
		"33 members":         {parent + "tracestate: " + strings.Join(members, ","), ""},
		"33 headers":         {parent + "tracestate: " + strings.Join(members, "\ntracestate: "), ""},
		"33 headers, in one": {parent + "tracestate: k32=v\ntracestate: " + strings.Join(members[:32], ","), ""},
		"40 headers, most empty": {parent + strings.Repeat("tracestate: \ntracestate:  ,\t,\n", 20) +
			"tracestate: a=1\ntracestate: b=2", "a=1,b=2"},
		"too many after empty ones": {parent + strings.Repeat("tracestate: \n", 5) + "tracestate: " +
			strings.Join(members, "\ntracestate: "), ""},
		"512 bytes":             {parent + "tracestate: " + long + "\ntracestate: a" + long, long + ",a" + long},
		"a megabyte":            {parent + "tracestate: " + strings.Repeat("k=v,", 1<<18), ""},
		"a member too long":     {parent + "tracestate: " + long + "v", ""},
		"no value":              {parent + "tracestate: k=", ""},
		"no key":                {parent + "tracestate: =v", ""},
		"no equals":             {parent + "tracestate: k", ""},
		"two equals":            {parent + "tracestate: k=v=w", ""},
		"upper case":            {parent + "tracestate: K=v", ""},
		"not ASCII":             {parent + "tracestate: k=\xff", ""},
		"without traceparent":   {"tracestate: k=v", ""},
		"with malformed parent": {"traceparent: 00-x\ntracestate: k=v", ""},
		"with two parents":      {parent + parent + "tracestate: k=v", ""},
		"of another trace":      {parent + "tracestate: k=v\nb3: abc-1-1", ""},
		"of the same trace":     {parent + "tracestate: k=v\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1-1", "k=v"},
		"of the same, deferred": {parent + "tracestate: k=v\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1", "k=v"},
		"not sampled":           {strings.Replace(parent, "-01", "-00", 1) + "tracestate: k=v", "k=v"},
		"debug, and with baggage": {
			parent + "tracestate: k=v\nuberctx-a: b\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1-d",
			"k=v",
		},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t)
			tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.B3, tracer.W3C))
			c, _ := tr.Extract(opentracing.HTTPHeaders, carried(test.headers))
			span := tr.StartSpan("server", opentracing.ChildOf(c))
			child := tr.StartSpan("child", opentracing.ChildOf(span.Context()))
			if got := headers(t, tr, child.Context()).Get("tracestate"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
