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
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

func TestTheFirstErrorIsRecordedWithItsIdentity(t *testing.T) {
	w, tracer := roots()
	call, _ := open(w, t.Context(), op)
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

func TestAnErrorThatPanicsIsAFailure(t *testing.T) {
	w, tracer := roots()
	call, _ := open(w, t.Context(), op)
	call.Finish(panickingError{})
	spantest.WantTree(t, tracer, "op component=lib error=true span.kind=client\n"+
		"  * event=error error.kind=spanutil_test.panickingError "+
		"message=\"an error that panics when it is asked for its text\"\n")
}

// reentrant is an error whose text uses the call that it is the failure of.
type reentrant struct{ call *spanutil.Call }

func (r reentrant) Error() string {
	r.call.Enter()
	r.call.Leave(0)
	r.call.Finish(nil)
	return "reentrant"
}

func TestAnErrorsTextMayUseTheCall(t *testing.T) {
	w, tracer := roots()
	call, _ := open(w, t.Context(), op)
	call.Log("phase", reentrant{call}) // hangs if a lock is held
	call, _ = open(w, t.Context(), op)
	call.Answered(spanutil.Rows)
	call.Fail(reentrant{call})
	call.Finish(nil)
	if p := tracer.Problems(); p != nil || len(tracer.Spans()) != 2 {
		t.Error(p, tracer.Tree())
	}
}

func TestRedacted(t *testing.T) {
	var asked error
	w, tracer := roots(gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { asked = err; return false }))
	call, _ := open(w, t.Context(), op)
	call.Finish(spanutil.Redacted(io.ErrUnexpectedEOF, strings.ToUpper))
	if asked != io.ErrUnexpectedEOF {
		t.Errorf("WithExpected's hook got %#v", asked)
	}
	spantest.WantTree(t, tracer, "op component=lib error=true span.kind=client\n"+
		"  * event=error error.kind=*errors.errorString message=\"UNEXPECTED EOF\"\n")
}

func TestSecretsInErrors(t *testing.T) {
	t.Run("in URLs", func(t *testing.T) {
		const get = `Get "http://h:80/p?access_token=%s&page=2": dial tcp`
		for message, want := range map[string]string{
			"a :// b":                   "a :// b",
			fmt.Sprintf(get, "PLANTED"): fmt.Sprintf(get, "hidden"),
			// What is said of a malformed URL may repeat more of it.
			`parse "http://user:PLANTED@h:po": bad`:                 `parse "http://h:po` + redact.CutMark,
			"cannot parse pg://bob:PLA/NTED@h/db":                   "cannot parse pg://h/db" + redact.CutMark,
			"no such package http://registry/@scope/name":           "no such package http://registry/@scope/name",
			"[::1]: http://[::1]:80/a, http://u:PLANTED@[::1]:80/b": "[::1]: http://[::1]:80/a, http://[::1]:80/b",
		} {
			w, tracer := roots()
			call, _ := open(w, t.Context(), op)
			call.Finish(errors.New(message))
			if got := tracer.Spans()[0].Logs[0].Fields[2].Value(); got != want {
				t.Errorf("%s is recorded as %s", message, got)
			}
		}
	})
	t.Run("in settings", func(t *testing.T) {
		w, tracer := roots()
		err := errors.New("cannot use host=h password=hunter2 of {\"api_key\":\"hunter2\"}, " +
			"sent Authorization: Bearer hunter2")
		for name, end := range map[string]func(*spanutil.Call){
			"Finish":     func(c *spanutil.Call) { c.Finish(err) },
			"Fail":       func(c *spanutil.Call) { c.Fail(err); c.Finish(nil) },
			"Log":        func(c *spanutil.Call) { c.Log("retry", err); c.Finish(nil) },
			"PanicError": func(c *spanutil.Call) { c.Finish(spanutil.PanicError(err.Error())) },
		} {
			tracer.Reset()
			call, _ := open(w, t.Context(), op)
			end(call)
			tree := tracer.Tree()
			if strings.Contains(tree, "hunter2") || !strings.Contains(tree, "host=h password=hidden") {
				t.Errorf("%s recorded:\n%s", name, tree)
			}
		}
	})
	t.Run("in malformed URLs", func(t *testing.T) {
		for _, odd := range []string{
			"hun ", `hun"`, "hun<", "hun>", "hun?", "hun#", "hun/", "hun%", "hun\\", "hun'", "hun@", "hun:", "hun://",
			"huné", "hun\x00", "hun[", "hun]",
			"80 ", `80"`, "80<", "80>", "80'", "80\n", // which begin like a port
		} {
			_, err := url.Parse("http://user:" + odd + "ter2@proxy:312x8/path?to=http://u:PLANTED@x")
			if err == nil {
				t.Fatalf("%q: no error", odd)
			}
			w, tracer := roots()
			call, _ := open(w, t.Context(), op)
			call.Log("phase", err)
			call.Finish(err)
			for _, record := range tracer.Spans()[0].Logs {
				for _, field := range record.Fields {
					text := fmt.Sprint(field.Value())
					for _, secret := range []string{"hun", "ter2", "PLANTED"} {
						if strings.Contains(text, secret) {
							t.Errorf("%q: %s holds %s", odd, field.Key(), text)
						}
					}
				}
			}
		}
	})
}
