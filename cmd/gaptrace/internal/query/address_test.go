package query

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		// Only the server: it has to be asked.
		"http://h:16686":                    "an unknown server http://h:16686",
		"https://h/jaeger/":                 "an unknown server https://h/jaeger",
		"http://zipkin:9411/":               "an unknown server http://zipkin:9411",
		"http://h/api":                      "an unknown server http://h",
		"http://h/api/traces/a1":            "an unknown server http://h ids [00000000000000a1]", // Jaeger or Tempo
		"HTTP://ada:s3cret@h/a%2Fb/#x":      "an unknown server http://h/a%2Fb user ada",
		"http://h/trace":                    "an unknown server http://h/trace",
		"http://h/grafana/api/tracesfoo/a1": "an unknown server http://h/grafana/api/tracesfoo/a1",

		// Jaeger.
		"http://h/jaeger/trace/a1?uiFind=x": "Jaeger http://h/jaeger ids [00000000000000a1]",
		"http://h/trace/a1...b2":            "Jaeger http://h ids [00000000000000a1 00000000000000b2]",
		"http://h/search?service=s&limit=7&lookback=2h&minDuration=5ms&tags=%7B%22a%22%3A%22b%22%7D": "Jaeger http://h " +
			"service s tags map[a:b] lookback 2h0m0s min 5ms limit 7",
		"http://h/x/api/traces?service=s&operation=o&start=1000000&end=2000000": "Jaeger http://h/x service s " +
			"operation o from 1 to 2",

		"http://h/api/v3":            "Jaeger's API v3 http://h",
		"http://h/x/api/v3/services": "Jaeger's API v3 http://h/x",
		"http://h/api/v3/traces/a1":  "Jaeger's API v3 http://h ids [00000000000000a1]",
		"http://h/api/v3/traces?query.service_name=s&query.start_time_min=1970-01-01T00:00:01Z&query.num_traces=3": "Jaeger's API v3 http://h service s " +
			"from 1 limit 3",
		"http://h/api/v3/traces?query.serviceName=s&query.operationName=o&query.startTimeMax=1970-01-01T00:00:02Z&query.searchDepth=3&query.attributes=%7B%22a%22%3A%22b%22%7D": "Jaeger's API v3 http://h service s " +
			"operation o tags map[a:b] to 2 limit 3",

		// Zipkin.
		"http://zipkin:9411/zipkin":                     "Zipkin http://zipkin:9411/zipkin",
		"http://zipkin:9411/zipkin/traces/a1":           "Zipkin http://zipkin:9411/zipkin ids [00000000000000a1]",
		"http://zipkin:9411/traces/a1":                  "Zipkin http://zipkin:9411 ids [00000000000000a1]",
		"http://h/api/v2/trace/a1":                      "Zipkin http://h ids [00000000000000a1]",
		"http://h/zipkin/api/v2/traces?serviceName=all": "Zipkin http://h/zipkin",
		"http://h/zipkin/?serviceName=s&spanName=o&lookback=15m&endTs=2000&limit=10&annotationQuery=error%20and%20a%3Db": "Zipkin http://h/zipkin service s " +
			"operation o tags map[a:b error:] to 2 lookback 15m0s limit 10",
		"http://h/api/v2/traces?lookback=60000&minDuration=1500&maxDuration=2s": "Zipkin http://h lookback 1m0s min 1.5ms max 2s",

		// Tempo.
		"http://h:3200/api/v2/traces/a1":                          "Tempo http://h:3200 ids [00000000000000a1]",
		"http://h:3200/api/search?q=%7B%7D&start=1&end=2&limit=3": "Tempo http://h:3200 traceql {} from 1 to 2 limit 3",

		// A program.
		"http://h:6060/debug/gaps/":                              "a program's /debug/gaps/ http://h:6060/debug/gaps",
		"http://h:6060/x/debug/gaps":                             "a program's /debug/gaps/ http://h:6060/x/debug/gaps",
		"http://h/debug/gaps/trace?id=a1":                        "a program's /debug/gaps/ http://h/debug/gaps ids [00000000000000a1]",
		"http://h/debug/gaps/explain?id=a1":                      "a program's /debug/gaps/ http://h/debug/gaps ids [00000000000000a1]",
		"http://h/debug/gaps/?bucket=1s&operation=o&format=json": "a program's /debug/gaps/ http://h/debug/gaps filter bucket=1s&operation=o",
		"http://h/debug/gaps/profile?service=s":                  "a program's /debug/gaps/ http://h/debug/gaps filter service=s",

		// Errors.
		"http://h/?x":                                   "error want the URL of a server",
		"http://":                                       "error want the URL of a server",
		"http://h:port/":                                "error want the URL of a server",
		"http://h/trace/xyz":                            `error http://h: trace "xyz": want a trace ID`,
		"http://h/trace/0":                              "error want a trace ID",
		"http://h/search?limit=many":                    `error invalid limit "many" in the URL: want a number`,
		"http://h/zipkin?lookback=ever":                 `error invalid lookback "ever" in the URL: want milliseconds, or a duration`,
		"http://h/api/search?start=now":                 `error invalid start "now" in the URL: want seconds since 1970`,
		"http://h/api/v3/traces?query.start_time_min=1": `error invalid query.start_time_min "1" in the URL: want a time such as`,
		"http://u:s3cret@h:port":                        "error has an @ outside",
		"http://u:1/s3cret@h":                           "error has an @ outside",
		"http://u:1?s3cret@h/search":                    "error has an @ outside",
	} {
		a, err := Parse(text)
		got := describe(a, err)
		if rest, ok := strings.CutPrefix(want, "error "); ok && err != nil && strings.Contains(err.Error(), rest) {
			got = want
		}
		if got != want || strings.Contains(got, "s3cret") || err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// describe returns an address as one line.
func describe(a *Address, err error) string {
	if err != nil {
		return "error " + err.Error()
	}
	line := fmt.Sprintf("%v %v", a.Kind, a)
	add := func(name string, value any, given bool) {
		if given {
			line += fmt.Sprintf(" %s %v", name, value)
		}
	}
	q := a.Query
	if a.User != nil {
		add("user", a.User.Username(), true)
	}
	add("ids", a.IDs, len(a.IDs) > 0)
	add("traceql", a.TraceQL, a.TraceQL != "")
	add("filter", a.Filter.Encode(), len(a.Filter) > 0)
	add("service", q.Service, q.Service != "")
	add("operation", q.Operation, q.Operation != "")
	add("tags", q.Tags, len(q.Tags) > 0)
	add("from", q.Start.Unix(), !q.Start.IsZero())
	add("to", q.End.Unix(), !q.End.IsZero())
	add("lookback", q.Lookback, q.Lookback > 0)
	add("min", q.MinDuration, q.MinDuration > 0)
	add("max", q.MaxDuration, q.MaxDuration > 0)
	add("limit", q.Limit, q.Limit > 0)
	return line
}

func TestTraceQL(t *testing.T) {
	for want, q := range map[string]Query{
		`{}`: {},
		`{ resource.service.name = "a \"shop\"" }`: {Service: `a "shop"`},
		`{ name = "GET /" && duration >= 5ms && duration <= 1s }`: {
			Operation: "GET /", MinDuration: 5 * time.Millisecond, MaxDuration: time.Second,
		},

		`{ .http.route = "/x" }`: {Tags: map[string]string{"http.route": "/x"}},

		`{ (.http.status_code = "500" || .http.status_code = 500) }`:     {Tags: map[string]string{"http.status_code": "500"}},
		`{ (.error = "true" || .error = true || status = error) }`:       {Tags: map[string]string{"error": "true"}},
		`{ ."a key" = "NaN" && (.cached = "false" || .cached = false) }`: {Tags: map[string]string{"a key": "NaN", "cached": "false"}},
	} {
		if got := traceQL(q); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
