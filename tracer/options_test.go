package tracer_test

import (
	"slices"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func TestOptionErrors(t *testing.T) {
	const wantURL = "want the collector's http or https URL, such as http://localhost:14268"
	for want, opt := range map[string]tracer.Option{
		`WithCollector("localhost:14268"): ` + wantURL:                 tracer.WithCollector("localhost:14268"),
		`WithCollector("ftp://xxxxx@host"): ` + wantURL:                tracer.WithCollector("ftp://me:secret@host"),
		`WithTag(""): want a key`:                                      tracer.WithTag("", 1),
		`WithTag("ip", int): want the host's address as a string`:      tracer.WithTag("ip", 1),
		`WithPropagation(Format(9)): want Jaeger, B3, B3Single or W3C`: tracer.WithPropagation(tracer.B3, 9),
	} {
		setenv(t)
		tr, _, err := tracer.New("shop", opt)
		if err == nil || err.Error() != "tracer: "+want || tr != nil {
			t.Errorf("got  %v\nwant tracer: %s", err, want)
		}
	}
}

// A zero argument stands for the default, also if it comes after another one.
func TestZeroOptions(t *testing.T) {
	c := startCollector(t)
	setenv(t, "JAEGER_ENDPOINT="+c.URL, "JAEGER_PROPAGATION=w3c")
	recorder, stats := tracer.NewRecorder(0), &tracer.Stats{}
	tr, closer := open(t, nil,
		tracer.WithRecorder(recorder), tracer.WithCollector("http://localhost:1"), tracer.WithStats(stats),
		tracer.WithPropagation(tracer.B3),
		tracer.WithRecorder(nil), tracer.WithCollector(""), tracer.WithStats(nil),
		tracer.WithPropagation([]tracer.Format{}...), tracer.WithLogger(nil),
	)
	span := tr.StartSpan("a")
	headers := opentracing.TextMapCarrier{}
	if err := tr.Inject(span.Context(), opentracing.HTTPHeaders, headers); err != nil {
		t.Fatal(err)
	}
	span.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if len(c.batches) != 1 || len(recorder.Traces()) != 0 || stats.Sent.Load() != 0 {
		t.Errorf("%d batches, %d recorded, %d counted", len(c.batches), len(recorder.Traces()), stats.Sent.Load())
	}
	if len(headers) != 1 || headers["traceparent"] == "" {
		t.Errorf("headers %v", headers)
	}
}

func TestWithTagReplacesTag(t *testing.T) {
	setenv(t, "JAEGER_TAGS=team=blue,zone=eu,team=green")
	c := startCollector(t)
	r := tracer.NewRecorder(0)
	tr, closer := open(t, tracer.WithCollector(c.URL), tracer.WithRecorder(r), tracer.WithTag("team", "old"),
		tracer.WithTag("team", "red"))
	tr.StartSpan("a").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	var sent, recorded []string
	for _, tag := range c.batches[0].Process.Tags {
		if tag.Key == "team" || tag.Key == "zone" {
			sent = append(sent, tag.Key+"="+tag.GetVStr())
		}
	}
	for _, f := range r.Traces()[0][0].Process.Tags {
		if f.Key == "team" || f.Key == "zone" {
			recorded = append(recorded, f.Key+"="+f.Value.(string))
		}
	}
	if want := []string{"zone=eu", "team=red"}; !slices.Equal(sent, want) || !slices.Equal(recorded, want) {
		t.Errorf("sent %q, recorded %q, want %q", sent, recorded, want)
	}
}

func TestWithTagThatPanics(t *testing.T) {
	setenv(t)
	recorder := tracer.NewRecorder(1)
	tr, _ := open(t, tracer.WithRecorder(recorder), tracer.WithTag("bomb", bomb{}))
	tr.StartSpan("a").Finish()
	tags := recorder.Traces()[0][0].Process.Tags
	if !slices.ContainsFunc(tags, func(f gap.Field) bool {
		return f.Key == "bomb" && f.Value == "tracer_test.bomb that panics when printed"
	}) {
		t.Errorf("tags %v", tags)
	}
}
