package spanutil_test

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

func TestHooksNameTagRewriteAndForgive(t *testing.T) {
	boom := errors.New("boom")
	w, tracer := roots(
		gaptrace.WithOperation(func(c gaptrace.Call) string { return c.Component + " " + c.Operation }),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { return opentracing.Tags{"team": "books", "db.type": "mine"} }),
		gaptrace.WithStatement(func(_ gaptrace.Call, s string) string { return strings.ToLower(s) }),
		gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { return err == boom }),
	)
	call, _ := start(w, t.Context(), op)
	call.Tag("db.type", "wrapper's")
	call.Statement("SELECT 1")
	call.Finish(boom)
	wantTree(t, tracer, "lib op component=lib db.statement=\"select 1\" db.type=mine span.kind=client team=books\n")
}

func TestAnEmptyStatementIsDropped(t *testing.T) {
	w, tracer := roots(gaptrace.WithStatement(func(gaptrace.Call, string) string { return "" }))
	call, _ := start(w, t.Context(), op)
	call.Statement("SELECT 1")
	call.Finish(nil)
	wantTree(t, tracer, "op component=lib span.kind=client\n")
}

func TestTheErrorKeepsItsIdentityAndIsReadOnlyOnce(t *testing.T) {
	w, tracer := roots()
	call, _ := start(w, t.Context(), op)
	call.Fail(io.ErrClosedPipe)
	call.Finish(io.EOF) // the first counts
	for _, f := range tracer.Spans()[0].Logs[0].Fields {
		if f.Key() != "error.object" {
			continue
		}
		err, ok := f.Value().(error)
		if !ok || !errors.Is(err, io.ErrClosedPipe) || err.Error() != "io: read/write on closed pipe" {
			t.Errorf("error.object = %#v", f.Value())
		}
		return
	}
	t.Error("no error.object")
}

type panickingError struct{}

func (panickingError) Error() string { panic("Error") }

func TestAnErrorThatPanicsIsStillAnError(t *testing.T) {
	w, tracer := roots()
	call, _ := start(w, t.Context(), op)
	call.Finish(panickingError{})
	wantTree(t, tracer, "op component=lib error=true span.kind=client\n"+
		"  * event=error error.kind=spanutil_test.panickingError message=\"an error that panics when it is asked for its text\"\n")
}

// selfish is an error that ends what it is of when it is asked for its text.
type selfish struct{ call *spanutil.Call }

func (s selfish) Error() string {
	s.call.Enter()
	s.call.Leave(0)
	s.call.Finish(nil)
	return "selfish"
}

func TestAnErrorMayUseTheResultThatItIsOf(t *testing.T) {
	w, tracer := roots()
	call, _ := start(w, t.Context(), op)
	call.Log("phase", selfish{call}) // hangs where a lock is held
	call, _ = start(w, t.Context(), op)
	call.Answered(spanutil.Rows)
	call.Fail(selfish{call})
	call.Finish(nil)
	if p := tracer.Problems(); p != nil || len(tracer.Spans()) != 2 {
		t.Error(p, tracer.Tree())
	}
}

func TestAPanicIsAFailureAndGoesOn(t *testing.T) {
	w, tracer := roots()
	func() {
		defer func() {
			if recover() != "library" {
				t.Error("the panic did not go on")
			}
		}()
		call, _ := start(w, t.Context(), op)
		defer call.Unwound()
		panic("library")
	}()
	wantTree(t, tracer, "op component=lib error=true span.kind=client\n"+
		"  * event=error error.kind=*errors.errorString message=\"panic or runtime.Goexit in the wrapped call\"\n")
}

func TestAnErrorIsToldWithoutTheSecretsOfURLs(t *testing.T) {
	for message, want := range map[string]string{
		`Get "http://h:80/p?access_token=PLANTED&page=2": dial tcp`: `Get "http://h:80/p?access_token=hidden&page=2": dial tcp`,
		"a :// b":                                                  "a :// b",
		`parse "http://user:PLANTED@h:po": bad`:                    `parse "http://h:po` + redact.CutMark, // what is said of a malformed URL may tell more of it
		"cannot parse pg://bob:PLA/NTED@h/db":                      "cannot parse pg://h/db" + redact.CutMark,
		"no such package http://registry/@scope/name":              "no such package http://registry/@scope/name",
		"[::1]: http://[::1]:80/a and http://u:PLANTED@[::1]:80/b": "[::1]: http://[::1]:80/a and http://[::1]:80/b",
	} {
		w, tracer := roots()
		call, _ := start(w, t.Context(), op)
		call.Finish(errors.New(message))
		if got := tracer.Spans()[0].Logs[0].Fields[2].Value(); got != want {
			t.Errorf("%s is told as %s", message, got)
		}
	}
}

func TestErrorsAndLogsAreShownWithoutTheSecretsOfSettings(t *testing.T) {
	w, tracer := roots()
	err := errors.New("cannot use host=h password=hunter2 of {\"api_key\":\"hunter2\"}, sent Authorization: Bearer hunter2")
	for _, end := range []func(*spanutil.Call){
		func(c *spanutil.Call) { c.Finish(err) },
		func(c *spanutil.Call) { c.Fail(err); c.Finish(nil) },
		func(c *spanutil.Call) { c.Log("retry", err); c.Finish(nil) },
		func(c *spanutil.Call) { c.Finish(spanutil.PanicError(err.Error())) },
	} {
		tracer.Reset()
		call, _ := start(w, t.Context(), op)
		end(call)
		if tree := tracer.Tree(); strings.Contains(tree, "hunter2") || !strings.Contains(tree, "host=h password=hidden") {
			t.Errorf("drew:\n%s", tree)
		}
	}
}

func TestWhateverAPasswordHoldsAnErrorOfParsingDoesNotTellIt(t *testing.T) {
	for _, odd := range []string{
		"hun ", `hun"`, "hun<", "hun>", "hun?", "hun#", "hun/", "hun%", "hun\\", "hun'", "hun@", "hun:", "hun://", "huné", "hun\x00", "hun[", "hun]",
		"80 ", `80"`, "80<", "80>", "80'", "80\n", // which begin like a port
	} {
		_, err := url.Parse("http://user:" + odd + "ter2@proxy:312x8/path?to=http://u:PLANTED@x")
		if err == nil {
			t.Fatalf("%q: no error", odd)
		}
		w, tracer := roots()
		call, _ := start(w, t.Context(), op)
		call.Log("phase", err)
		call.Finish(err)
		for _, record := range tracer.Spans()[0].Logs {
			for _, field := range record.Fields {
				if text := fmt.Sprint(field.Value()); strings.Contains(text, "hun") || strings.Contains(text, "ter2") || strings.Contains(text, "PLANTED") {
					t.Errorf("%q: %s tells %s", odd, field.Key(), text)
				}
			}
		}
	}
}

func TestARewordedErrorKeepsItsKindAndTheUserIsAskedAboutItself(t *testing.T) {
	var asked error
	w, tracer := roots(gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { asked = err; return false }))
	call, _ := start(w, t.Context(), op)
	call.Finish(spanutil.Redacted(io.ErrUnexpectedEOF, strings.ToUpper))
	if asked != io.ErrUnexpectedEOF {
		t.Errorf("asked about %#v", asked)
	}
	wantTree(t, tracer, "op component=lib error=true span.kind=client\n"+
		"  * event=error error.kind=*errors.errorString message=\"UNEXPECTED EOF\"\n")
}
