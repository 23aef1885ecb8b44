package tracer_test

import (
	"slices"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
)

func TestOptionErrors(t *testing.T) {
	const wantURL = "want the collector's http or https URL, such as http://localhost:14268"
	for want, opt := range map[string]tracer.Option{
		`WithRecorder(nil): want a recorder from NewRecorder`: tracer.WithRecorder(nil),
		`WithCollector("localhost:14268"): ` + wantURL:        tracer.WithCollector("localhost:14268"),
		`WithCollector(""): ` + wantURL:                       tracer.WithCollector(""),
		`WithCollector("ftp://xxxxx@host"): ` + wantURL:       tracer.WithCollector("ftp://me:secret@host"),

		`WithTag(""): want a key`:                                                 tracer.WithTag("", 1),
		`WithTag("ip", int): want the host's address as a string`:                 tracer.WithTag("ip", 1),
		`WithStats(nil): want a *Stats`:                                           tracer.WithStats(nil),
		`WithLogger(nil): want a logger`:                                          tracer.WithLogger(nil),
		`WithPropagation(): want Jaeger, B3, B3Single or W3C, or several of them`: tracer.WithPropagation(),
		`WithPropagation(Format(9)): want Jaeger, B3, B3Single or W3C`:            tracer.WithPropagation(tracer.B3, 9),
		`option 1 is nil`: nil,
	} {
		setenv(t)
		tr, _, err := tracer.New("shop", opt)
		if err == nil || err.Error() != "tracer: "+want || tr != nil {
			t.Errorf("got  %v\nwant tracer: %s", err, want)
		}
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
